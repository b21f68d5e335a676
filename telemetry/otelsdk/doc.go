// Package otelsdk gives an fx program the OpenTelemetry SDK as its operator
// configures it: by the OTEL_* variables of the OpenTelemetry specification, and
// by nothing else.
//
//	fx.New(otelsdk.Module, syncmod.Module, …)
//
// Nothing is exported unless a variable asks for it: OTEL_TRACES_EXPORTER,
// OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER name an exporter (otlp, console,
// prometheus for metrics), and an OTLP endpoint asks for otlp. The general
// OTEL_EXPORTER_OTLP_ENDPOINT asks for traces and metrics only: a log has a place
// to go already. OTEL_SDK_DISABLED=true turns everything off. A signal that
// nothing asks for goes where it would go without this package: to OpenTelemetry's
// globals.
//
// A variable that cannot be followed is an error of [New], or of the start where it
// names a file, a port, an exporter or a producer. The error names it and says what
// can be. Spaces around a value are such an error. A time is from a millisecond to a
// day, and a queue or a batch has at most 1048576 entries.
//
// # A program with providers of its own
//
// The module provides [telemetry.Providers], and no trace.TracerProvider or
// metric.MeterProvider: a program is free to provide those. Then they are used,
// nothing is built in their place, and they are never shut down here. A program
// that has none and wants spans and metrics of its own injects
// telemetry.Providers, which always says where they go. No global provider is ever
// set: a program that wants one sets it, in an fx.Invoke that takes
// telemetry.Providers.
//
// # From start to stop
//
// The SDK is built when the app starts, and anew at each start; a constructor starts
// nothing. A tracer of telemetry.Providers may be made at any time. Instruments belong
// to one SDK: make them in an OnStart hook. Those that are made before record nothing,
// and the log says so.
//
// While the app runs the SDK's errors, and how many spans are lost, are in the node's
// log: three lines, then one every ten seconds. For that OpenTelemetry's error handler
// is replaced, and put back at the stop. Where OTEL_LOGS_EXPORTER asks for it, lines of
// the *logrus.Logger are exported by a hook, which is taken off again; several apps
// that share a logger export each line once. Of a program that has only a
// *slog.Logger the lines of this project that its handler wants are exported, and its
// own are not: OpenTelemetry's bridge for slog does that.
//
// # The end
//
// What was recorded is flushed when the app stops, after everything that was made
// later than the providers, and within half of the time that is left: a collector
// that does not answer does not keep a node from stopping. Errors of that are
// logged and nothing else.
package otelsdk
