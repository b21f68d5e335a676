// Package dkgsync keeps the nodes of a distributed key generation ceremony in
// lockstep: every member proves that it runs the same definition, all enter each
// step together, everyone learns at once when one of them fails, and an operator
// sees at any moment whom the others are waiting for and why.
//
// [Module] is for a node that is built with fx: one option beside the ones that
// make its libp2p host.
//
//	fx.New(
//		dkgsync.Module,
//		fx.Provide(newHost),        // host.Host
//		fx.Supply(definition),      // syncmod.Definition: what it is about, and among whom
//		syncmod.RunSteps(newSteps), // func(…) []syncmod.Step: this node's work
//	).Run()
//
// Package syncmod describes the rest, and how a program does without fx.
package dkgsync
