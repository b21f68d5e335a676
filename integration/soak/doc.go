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
//
// One cluster in five loops instead: its nodes run one definition again and again, each
// at its own pace, beside a second ceremony of the same members, while connections
// break and nodes end their attempts. An attempt may fail by that alone, it has to fail
// for everyone, naming the node, and the definition completes in one of the next
// attempts. The second ceremony goes on. Four nodes do so 200 times with
//
//	go test -race -v -run FourNodes ./integration/soak -args --laps 200
//
// In one of five clusters the nodes begin again by themselves, as Config.Retry says,
// while steps fail, processes end and start again, and links break. The ceremony is
// complete on all of them in the end, after no more attempts than there are reasons.
package soak
