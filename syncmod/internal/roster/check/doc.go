// Package check explores the rules of a ceremony: it lets everything that can happen
// in a small cluster happen in every order, with the real roster of every node. It has
// tests only.
//
// A world is a cluster on its network, as a value. It holds the state of each node's
// roster, the part of the node that acts on the roster's effects, and the streams with
// everything in flight on them. Each world has a list of events that can happen next: a
// handler reads a request, a client reads a response, a stream arrives, is lost or
// moves, a node announces a step, aborts, crashes, restarts, opens its next attempt, or
// has waited for too long. An explorer lets each event happen in each new world, until
// there are no new worlds. Configurations that are too large for that are walked through
// at random, from a seed.
//
// The network keeps the order of each stream, and nothing else. A stream may arrive
// after one that was opened later. What a dead process or a closed ceremony wrote may
// arrive after what its successor wrote. A client may skip all but the newest of what it
// has to say. Foreign nodes run another implementation. The checker assumes two things
// of them: their streams arrive in the order in which they were opened, and what a
// foreign node wrote before a restart is lost. Nothing on the wire could show the
// contrary.
//
// The checker checks these properties in every world, or where a node comes to an end:
//
//   - No node passes a barrier before every member has announced it. The node knows one process of each member, and
//     only announcements by that process count. No node can announce its next step before it has passed the barrier of
//     its present step.
//   - A cluster in which nobody restarts, aborts or is gone never fails. A restart at
//     step 0 fails nobody.
//   - Every world can reach an end without a further fault. At an end, each node is
//     complete, has failed, or waits. A node that waits names a member that is gone or
//     is not in the same attempt.
//   - Once a node has passed the last barrier, no other node fails, except after an
//     abort or a restart at the last barrier, or after a timeout (docs/guarantees.md).
//   - No node completes with a member that aborted before, or with a process that has
//     not announced everything.
//   - In a cluster of two nodes, what is left of an attempt does not fail the next attempt. Any number of nodes
//     complete together in the end. They need at most one attempt more than there are faults.
//   - As long as nobody has waited for too long, no node is blamed unless it aborted or began again. There are two
//     exceptions. A member that passes on an error, which names no culprit, is taken for the culprit. A member that
//     names another attempt is blamed, although its attempt may be the right one.
//   - Of each member's streams, at most two are served and one is held.
//
// A counterexample is printed as the shortest story in the language of roster's
// testdata/all_sides. Save it there and run the tests with -rewrite to see what each
// node makes of it.
//
// The files:
//
//   - world_test.go, client_test.go, stream_test.go, life_test.go: the cluster
//   - event_test.go, do_test.go: what can happen in it
//   - property_test.go: the properties
//   - code*_test.go, canonical_test.go, forget_test.go: a world as bytes, which are the
//     same for all worlds that behave alike
//   - reduce_test.go: how to leave out worlds that behave like others;
//     TestReductionsHideNothing shows that this hides nothing
//   - explore_test.go, walk_test.go: the search
//   - story_test.go: the story of what was found
//   - config_test.go, named_test.go: the configurations
package check
