package soak

// kind is a kind of fault.
type kind int

// The kinds of faults, with the outcomes that a ceremony may have.
//
// The following fail no ceremony. What they break is either no longer needed, or comes
// back within Config.PeerTimeout; the method config makes that long enough.
const (
	drop     kind = iota // the connections of two nodes end, but new ones can be made
	cut                  // a link ends its connections and refuses new ones for a while
	cutAfter             // the same after a number of bytes, anywhere in a frame
	freeze               // a link holds every byte back for a while, sometimes for longer than an exchange may take
	slow                 // a link delays every byte for a while
	stranger             // a stranger opens streams and sends nonsense
	late                 // a node opens its ceremony long after the others
	hasty                // a node waits at its barriers with deadlines that are too short, again and again

	// These end a node's part before it has announced step 1, and begin it again. The
	// others keep waiting for it.
	rekill // the node's host is closed and opened again
	restop // fx stops the node's app and starts it again
	reopen // the node's ceremony is closed and opened again

	// When a node's ceremony is complete, everyone has heard all that it said, including its
	// goodbye.
	lateKill // the node's host is closed then

	// These fail the ceremony of every living node. A node leaves, or two sides lose
	// each other, after step 1 and before the last barrier is announced. Nobody can
	// pass that barrier without them. Everyone names the node, or a node that was lost.
	abort         // a node gives up
	leave         // a node closes its ceremony
	stop          // fx stops a node's app
	restart       // a node's host is closed and opened again, and so is its ceremony
	kill          // a node's host is closed, for longer than PeerTimeout
	cutForGood    // two sides lose each other for good, and each names a member of the other
	freezeForGood // the same, but the connections stay

	// Two nodes may lose each other when only the last barrier is left, after both have
	// announced it to a third node. The third passes the barrier and completes, while
	// the two fail; see ceremony.spares.

	// A node that has passed the last barrier and does not wait for the goodbyes may be
	// gone before everyone has heard its last announcement. The members that have heard
	// it complete. The others fail and name the node.
	hurry
	kinds
)

func (k kind) String() string {
	return [...]string{
		"drop", "cut", "cut after", "freeze", "slow", "stranger", "late", "hasty",
		"kill and restart before step 1", "stop and start before step 1", "close and open before step 1",
		"kill when complete", "abort", "close", "stop", "restart", "kill", "cut for good", "freeze for good", "hurry",
	}[k]
}

// fatal reports whether every ceremony that meets the fault fails.
func (k kind) fatal() bool { return k >= abort && k <= freezeForGood }

// ofLink reports whether the fault happens to the links between nodes.
func (k kind) ofLink() bool {
	return k == drop || k == cut || k == cutAfter || k == freeze || k == slow || k == cutForGood || k == freezeForGood
}

// breaks reports whether the fault may end connections or fail dials, so that nodes
// have to dial again.
func (k kind) breaks() bool {
	return k == drop || k == cut || k == cutAfter || k == freeze || k == rekill || k == restart ||
		k == kill || k == lateKill || k == cutForGood || k == freezeForGood
}
