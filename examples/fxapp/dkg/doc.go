// Package dkg is a real distributed key generation as the work of the steps of a
// ceremony: Pedersen's, on BLS12-381, by github.com/drand/kyber. Every member ends
// with a share of one group key; a threshold of the shares signs together, as
// Ethereum's validators sign (keys in G1, signatures in G2), and fewer learn nothing
// about the group's secret key.
//
//	store, err := dkg.OpenStore(dir, definition) // refuses a directory that holds a share
//	// …
//	fx.New(
//		fx.Provide(newHost), // host.Host
//		dkgsync.Module,
//		fx.Supply(definition, store, log),
//		dkg.Module,
//		syncmod.RunAttempts(dkg.Attempts),
//	).Run()
package dkg
