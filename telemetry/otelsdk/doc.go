// Package otelsdk adds the OpenTelemetry SDK to an fx program. Only the operator
// configures it, with the OTEL_* variables of the OpenTelemetry specification.
//
//	fx.New(otelsdk.Module, syncmod.Module, …)
//
// Nothing is exported unless a variable asks for it. OTEL_TRACES_EXPORTER,
// OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER name an exporter: otlp or console, or
// prometheus for metrics. If the variable of a signal is not set, an OTLP endpoint has
// the same effect as naming otlp. The general OTEL_EXPORTER_OTLP_ENDPOINT asks only for
// traces and metrics, because the log is already written elsewhere.
// OTEL_SDK_DISABLED=true turns everything off. If no variable asks for a signal, the
// signal goes where it would go without this package, to OpenTelemetry's globals.
//
// [New] returns an error for a variable with a bad value. A problem with a file, a port,
// an exporter or a producer may only show when the app starts; the start then returns
// the error. Most of these errors name the variable, and one about an unknown value says
// which values are valid. For most variables, a value with spaces around it is bad. A
// time must be between a millisecond and a day. A queue or a batch may have at most
// 1048576 entries.
//
// # A program with providers of its own
//
// The module provides [telemetry.Providers]. It does not provide a
// trace.TracerProvider or a metric.MeterProvider, so a program is free to provide
// those. If it does, the module uses them, builds nothing in their place, and never
// shuts them down. A program that makes spans and metrics but has no providers injects
// telemetry.Providers, which always lead to the right place. The module never sets a
// global provider. A program that wants one sets it in an fx.Invoke that takes
// telemetry.Providers.
//
// # From start to stop
//
// The module builds the SDK when the app starts, and again at each later start. The
// constructor starts nothing. A program may make a tracer of telemetry.Providers at any
// time. Instruments belong to one SDK, so make them in an OnStart hook. An instrument
// that is made earlier records nothing, and the log says so.
//
// While the app runs, the node's log contains the SDK's errors and the number of lost
// spans: three lines at first, then at most one every ten seconds. To get these errors
// the module replaces OpenTelemetry's error handler, and puts the old one back at the
// stop.
//
// If a variable asks for logs, a hook exports the lines of the *logrus.Logger. The hook
// is removed at the stop. If several apps share a logger, each line is exported once. If
// a program has only a *slog.Logger, the hook exports the lines of this project that the
// logger's handler accepts. It does not export the program's own lines; use
// OpenTelemetry's bridge for slog for those.
//
// # The end
//
// When the app stops, the module flushes everything that was recorded. By the time of
// the flush, fx has already stopped everything that was made after the providers. The
// flush takes at most half of the time that is left, so a collector that does not answer
// cannot keep a node from stopping. Errors of the flush are only logged.
package otelsdk
