package soak

// kind is a kind of fault.
type kind int

// The kinds of faults, and what may come of a ceremony that meets one.
//
// These fail no ceremony. What they break comes back before Config.PeerTimeout,
// which is made long enough for it (see config), or is not needed any more:
const (
	drop     kind = iota // the connections of two nodes end, new ones can be made
	cut                  // a link ends its connections and refuses new ones, for a while
	cutAfter             // the same, so many bytes later: anywhere in a frame
	freeze               // a link holds every byte back for a while, sometimes for longer than an exchange may take
	slow                 // a link delays every byte for a while
	stranger             // somebody who is no member opens streams and talks nonsense
	late                 // a node opens its ceremony long after the others
	hasty                // a node waits at its barriers with deadlines that are too short, again and again

	// These end a node's part before it has announced step 1, and begin it anew: the
	// others go on waiting for it.
	rekill // its host is closed and opened again
	restop // its app is stopped by fx and started again
	reopen // its ceremony is closed and opened again

	// A node whose ceremony is complete has been heard by everyone, goodbye included.
	lateKill // its host is closed then

	// These fail the ceremony of every node that lives, for the node goes (or two lose
	// each other) after step 1 and before it has announced the last barrier, which
	// nobody can pass without it. Everyone names that node (or one of the two).
	abort         // a node gives up
	leave         // a node closes its ceremony
	stop          // a node's app is stopped by fx
	restart       // a node's host is closed and opened again, and so is its ceremony
	kill          // a node's host is closed, for longer than PeerTimeout
	cutForGood    // nothing passes between two sides any more; each side names one of the other's
	freezeForGood // the same, with connections that stay

	// Two that lose each other when only the last barrier is left have both announced
	// it to a third, which passes it and completes, while they fail: see ceremony.spares.

	// A node that has passed the last barrier, and does not wait for the goodbyes, may
	// be gone before everyone has heard its last announcement. Who has not fails, and
	// names it; who has completes.
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

// fatal tells whether no ceremony completes that meets it.
func (k kind) fatal() bool { return k >= abort && k <= freezeForGood }

// ofLink tells whether it happens to the links between nodes.
func (k kind) ofLink() bool {
	return k == drop || k == cut || k == cutAfter || k == freeze || k == slow || k == cutForGood || k == freezeForGood
}

// breaks tells whether connections may end by it, or dials fail, so that those who
// go on have to dial again.
func (k kind) breaks() bool {
	return k == drop || k == cut || k == cutAfter || k == freeze || k == rekill || k == restart ||
		k == kill || k == lateKill || k == cutForGood || k == freezeForGood
}
