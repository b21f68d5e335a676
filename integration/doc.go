// Package integration is the root of the tests that need things which users of the
// synchronizer should not have in their builds. So it is a Go module of its own.
//
//   - networks, peers, hostile: what ceremonies do when networks, members and
//     strangers misbehave
//   - faults: what the logs of broken ceremonies tell their operators
//   - sinks: loggers, tracers and callbacks of the program that are slow, hang,
//     panic or call back
//   - refpeer, mixed: a peer that behaves like the reference implementations, and
//     ceremonies with it
//   - soak: random faults, drawn from a seed
//   - limits: many nodes in one place, and many ceremonies at the same time
//   - netns, nat: network namespaces, and nodes behind routers and firewalls
//   - sim: distances and sizes that no machine has, in virtual time
//   - telemetry: what an OpenTelemetry SDK receives from one node and from several
//   - jaeger, prometheus: a real Jaeger and a real Prometheus
//   - browser: the status page in a real browser
//   - kubo: the plugin of examples/kubo in real ipfs daemons
//   - standalone: a module outside the repository that uses the whole public API,
//     and how importing the module changes a node's dependencies
//   - procs: the fxapp binary as operators run it, in a process for each member, and
//     what a killed process leaves behind
//   - bench: the program that measures
//
// The internal package harness of the root module provides the clusters of real nodes
// and the networks that fail on command. The tests of syncmod use it too.
// docs/guarantees.md says which test shows which promise.
package integration
