// Package telemetry makes ceremonies visible, in spans, metrics and log lines;
// README.md in its directory lists them. It is the only place that knows their
// names.
//
// A program uses [NewLogHook], [TraceID] and [Providers]. [Telemetry], [Ceremony]
// and [Stream] are for the synchronizer, which reports to them what happens.
package telemetry
