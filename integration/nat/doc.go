// Package nat holds the tests of nodes that the internet does not reach: behind routers that translate addresses, and
// behind firewalls. Each node is a process on a machine of its own (package netns), with the host that operators have
// (examples/fxapp/hosts), and all meet at a relay.
//
// For Linux: elsewhere there is nothing to test.
package nat
