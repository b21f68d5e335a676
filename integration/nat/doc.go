// Package nat tests nodes that the internet cannot reach: nodes behind routers that translate addresses, and nodes
// behind firewalls. Each node is a process on a machine of its own (package netns), with the host that operators use
// (examples/fxapp/hosts). All nodes meet at a relay.
//
// The tests need Linux.
package nat
