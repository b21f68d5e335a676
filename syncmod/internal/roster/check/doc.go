// Package check explores the rules of a ceremony: every order of events that can
// happen in a small cluster, with the real roster of every node. It has tests only.
//
// A world is a cluster on its network, as a value: the state of each node's roster,
// the part of the shell that acts on its effects, and the streams with all that is
// in flight on them. In each world a list of events can happen next: a handler
// reads a request, a client reads a response, a stream arrives, is lost or moves, a
// node announces a step, aborts, crashes, restarts, opens its next attempt, waits
// for too long. An explorer lets each of them happen in each world that it has not
// seen before, until there is no new one. What is too large for that is walked
// through at random, from a seed.
//
// A network keeps the order of a stream, and nothing else. A stream may arrive
// after one that was opened later; what a dead process or a closed ceremony has
// written may arrive after its successor's; a client may write only the newest of
// what it has to say. Two things are assumed of foreign nodes, because nothing on
// the wire could tell otherwise: their streams arrive in the order in which they
// were opened, and when one restarts, what it has written before is gone.
//
// These properties are checked in every world, or where a node comes to an end:
//
//   - No barrier is passed before everyone has announced it, in the process that
//     the node knows, and no step can be announced before that.
//   - A cluster in which nobody restarts, aborts or is gone never fails, and a
//     restart at step 0 fails nobody.
//   - From every world an end can be reached without a further fault. At an end each
//     node is complete, has failed, or waits for a member that is gone or that is
//     in no attempt with it, and names it.
//   - Once a node has passed the last barrier no other fails, but by an abort, a
//     restart or a timeout at the last barrier (docs/guarantees.md).
//   - Nobody completes with a member that has aborted before, or with a process
//     that has not announced everything.
//   - What is left of an attempt does not fail the next one of two nodes, and any
//     number of nodes complete together in the end, in as many attempts as there are
//     faults and one more.
//   - Nobody is blamed who has neither aborted nor begun again. There are two
//     exceptions. A member that passes on an error, which names nobody, is taken for
//     the culprit, and a member that names another attempt may be in the right one.
//   - Of each member's streams at most two are served and one is held.
//
// A counterexample is printed as the shortest story in the language of roster's
// testdata/all_sides. Saved there and run with -rewrite, it shows what each node
// makes of it.
//
// By files: world_test.go, client_test.go, stream_test.go and life_test.go have the
// cluster, event_test.go and do_test.go what can happen in it, property_test.go the
// properties. code*_test.go, canonical_test.go and forget_test.go write a world as
// bytes, the same for all worlds that behave alike. reduce_test.go leaves out worlds
// that behave like others; TestReductionsHideNothing compares. explore_test.go
// and walk_test.go search, story_test.go tells what was found, config_test.go and
// named_test.go have the configurations.
package check
