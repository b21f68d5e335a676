// Package integration holds the tests in which nodes talk to nodes: real hosts,
// real transports and relays, real faults. It is a Go module of its own, so
// that what these tests need never reaches the build of a program that uses
// the synchronizer.
package integration
