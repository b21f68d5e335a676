// Package sinks holds the tests of what a program's own loggers, tracers, meters
// and callbacks can do to a ceremony: nothing. Each sink is slow, hangs, panics or
// calls back, at one node of a cluster, in a barrier, at a failure and at a stop.
//
//	go test -race -v ./integration/sinks // names every cell
package sinks
