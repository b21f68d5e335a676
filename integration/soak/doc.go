// Package soak holds a test that lets everything go wrong at once, for as long as
// it is told to: nodes that are real fx apps run one ceremony after the other, while
// links are cut and frozen, and nodes are killed, restarted, stopped, aborted and
// late, as a plan says that is drawn from a seed.
//
//	go test -race -timeout 0 -v ./integration/soak -args --duration 10m --seed 42
//
// What may come of it is known beforehand: a ceremony without a fault that ends one
// has to complete everywhere, one with such a fault has to fail everywhere and name
// who it was, both within a bound that follows from the plan, and nothing may be
// left. A failure prints the command that runs its cluster again. Without a flag, the
// test takes about ten seconds.
package soak
