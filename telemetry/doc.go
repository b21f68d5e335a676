// Package telemetry is where a ceremony becomes visible: everything that is
// reported of streams, connects, barriers and ceremonies goes through it, one
// outcome value for each, and nothing is reported anywhere else.
package telemetry
