// Package dkgsync keeps the nodes of a distributed key generation ceremony in
// lockstep. Every member proves that it runs the same definition, and all members
// enter each step together. When one of them fails, all learn of it at once. An
// operator sees at any moment which members the others are waiting for, and why.
//
// [Module] is for a node that is built with fx. It is one option beside those that
// make the node's libp2p host.
//
//	fx.New(
//		dkgsync.Module,
//		fx.Provide(newHost),        // host.Host
//		fx.Supply(definition),      // syncmod.Definition: the ceremony's hash and its members
//		syncmod.RunSteps(newSteps), // func(…) []syncmod.Step: this node's work
//	).Run()
//
// Package syncmod describes the rest, and how to use it without fx.
package dkgsync
