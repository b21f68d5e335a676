// Package soak has a test in which everything goes wrong at the same time, for as long as
// the command line says. Nodes that are real fx apps run one ceremony after another.
// Meanwhile links are cut and frozen, and nodes are killed, restarted, stopped, aborted
// and late. All of this follows a plan that is drawn from a seed.
//
//	go test -race -timeout 0 -v ./integration/soak -args --duration 10m --seed 42
//
// The plan says how each ceremony must end. If no fault ends it, it must complete
// everywhere. If a fault ends it, it must fail everywhere and name the culprit. Both must
// happen within a bound that follows from the plan, and nothing may be left. A failure
// prints the command that runs its cluster again. Without flags, the test takes about ten
// seconds.
//
// One in five clusters runs in loops instead. Its nodes run one definition again and
// again, each at its own pace, while connections break and nodes end their attempts.
// Often they take part in a second ceremony of the same members at the same time. An
// attempt may fail only because a node ended it. Then it must fail for everyone and name
// the node, and one of the next attempts must complete. The second ceremony goes on. With
// this command, four nodes complete one definition 200 times:
//
//	go test -race -v -run FourNodes ./integration/soak -args --laps 200
//
// In another fifth of the clusters, the nodes begin again by themselves, as Config.Retry
// says. Meanwhile steps fail, processes end and start again, and links break. At the end
// the ceremony must be complete on all nodes, with no more attempts than the faults
// explain.
package soak
