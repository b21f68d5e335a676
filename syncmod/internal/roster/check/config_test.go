package check_test

import "fmt"

// config is a small cluster and the events that may happen in it.
type config struct {
	name string
	size int
	last int8 // the last barrier

	foreign set  // nodes without a session
	differ  set  // nodes that attest another result than the others
	tidy    bool // no late frames: a stream arrives as soon as it is opened, and what a dead process wrote is lost
	late    set  // nodes that have not opened the ceremony at the start

	losses     int8 // streams that the network may lose
	migrations int8 // streams that may move to another connection
	restarts   int8 // crashes after which the process starts again at once
	restartAt  steps
	crashes    int8 // crashes after which the process stays down
	crashAt    steps
	aborts     int8
	abortAt    steps
	timeouts   int8 // how often a member may be gone for too long

	attempts  int8 // attempts after the first: a node that failed closes its ceremony and opens the next
	again     bool // faults may happen in every attempt, not only in the first
	byStream  bool // requests address the process that answered on their stream, not the one that answered last
	leaves    bool // a node may close its complete ceremony while others say goodbye, and open the next attempt
	hurries   bool // a node may end its ceremony before the others have said goodbye
	impatient bool // a wait for a member's answer may end before the answer could come

	off reductions // the reductions that are not used

	states int // stop after this many states; 0: never
	walks  int // walk at random this often instead of exploring everything
	seed   uint64
}

// steps are the first and the last step at which something may happen.
type steps struct{ from, to int8 }

func (s steps) contains(step int64) bool { return int64(s.from) <= step && step <= int64(s.to) }

// set is a set of nodes.
type set uint8

func (s set) has(i int) bool { return s>>i&1 == 1 }

func nodes(list ...int) (s set) {
	for _, i := range list {
		s |= 1 << i
	}
	return s
}

// honest reports whether nothing may happen that can fail a ceremony.
func (c *config) honest() bool {
	return c.restarts == 0 && c.crashes == 0 && c.aborts == 0 && c.timeouts == 0 && c.differ == 0
}

// reductions leave out states that behave like others. Each reduction can be turned
// off, to compare what is found with it and without it.
type reductions uint8

const (
	// With eagerOpening, a client opens a stream as soon as it lacks one. A stream that
	// is opened later is like one whose first requests are skipped, so no behaviour is
	// lost.
	eagerOpening reductions = 1 << iota
	// With quietAnswers, an answer that would change nothing is not sent, and a
	// world forgets who is connected if no rule asks for that.
	quietAnswers
	// With promptFailures, a node that has failed does immediately what it must do.
	// Others notice only what reaches them, which still takes its time.
	promptFailures
	// With promptHandlers, a handler returns immediately if nobody waits for that.
	promptHandlers
	// With symmetry, nodes that differ only in their number are alike.
	symmetry
)

func (r reductions) String() string {
	names := [...]string{"eager opening", "quiet answers", "prompt failures", "prompt handlers", "symmetry"}
	text := ""
	for k, name := range names {
		if r>>k&1 == 1 {
			text += ", " + name
		}
	}
	if text == "" {
		return "none"
	}
	return text[2:]
}

// reduces reports whether a reduction is used.
func (c *config) reduces(by reductions) bool {
	switch {
	case c.off&by != 0:
		return false
	case by == eagerOpening:
		// Whether a member is gone for too long depends on when there was a stream.
		// What a late stream says depends on when it was opened.
		return c.timeouts == 0
	case by == promptFailures:
		return c.attempts == 0 && c.timeouts == 0
	}
	return true
}

func (c *config) String() string {
	if c.name != "" {
		return c.name
	}
	return fmt.Sprintf("%d nodes, %d steps", c.size, c.last)
}
