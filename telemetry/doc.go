// Package telemetry reports ceremonies in spans, metrics and log lines. README.md in
// its directory lists them all. No other package of this module knows their names.
//
// Programs use [NewLogHook], [TraceID], [ServiceName] and [Providers]. Package syncmod
// uses [Telemetry], [Ceremony] and [Stream] to report what happens.
package telemetry
