// Package integration is the root of what tests the synchronizer together with
// things that its users' builds should not see. It is a Go module of its own for
// that reason.
//
//   - networks, peers, hostile: what ceremonies do when networks, members and
//     strangers misbehave
//   - sinks: what loggers, tracers, meters and callbacks of a program can do to them
//   - refpeer, mixed: a peer that behaves as the other implementations do, and
//     ceremonies together with it
//   - sinks: loggers, tracers and callbacks of the program that are slow, hang,
//     panic or call back
//   - soak: random faults, drawn from a seed
//   - limits: many nodes in one place, and many ceremonies at once
//   - sim: distances and sizes that no machine has, in virtual time
//   - telemetry: what an OpenTelemetry SDK gets, from one node and from several
//     together
//   - jaeger: a real Jaeger
//   - standalone: a module outside the repository that uses the whole public API,
//     and what importing the module does to a node's dependencies
//   - procs: the fxapp binary as operators run it, in a process for each member, and
//     what is left when one is killed
//   - bench: the program that measures
//
// Their clusters of real nodes, and the networks that fail on command, come from
// the harness in the root module's internal packages, which syncmod's own tests
// use as well. docs/guarantees.md says which test shows which promise.
package integration
