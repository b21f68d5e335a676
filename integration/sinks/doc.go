// Package sinks tests that a program's own loggers, tracers, meters and callbacks
// cannot harm a ceremony. Each sink is slow, hangs, panics or calls back, at one node
// of a cluster, in a barrier, at a failure and at a stop.
//
//	go test -race -v ./integration/sinks // names every case
package sinks
