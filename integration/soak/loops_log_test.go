package soak

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// circuitLog notes what happens while nodes loop.
type circuitLog struct {
	began time.Time
	laps  []lapLog

	mu       sync.Mutex
	attempts []*attempt // in the order in which they were opened
}

// lapLog notes what happens in a lap.
type lapLog struct {
	record
	broken   map[int]bool // breaks of links that have happened
	ended    bool         // its ending has happened
	complete bool         // on at least one node
}

// attempt is one node's ceremony in an attempt.
type attempt struct {
	node, lap, number int
	ceremony          *syncmod.Ceremony
	opened, over      time.Duration // since the beginning; over is 0 until the attempt is over
	passed            int           // the last step whose barrier the node has passed
	mustFail          bool          // the node had passed barrier 1 when a node ended the attempt
	err               error
}

func (a *attempt) String() string {
	return fmt.Sprintf("%7s to %7s: lap %d, node %d, attempt %d passed step %d: %v", a.opened.Round(time.Millisecond),
		a.over.Round(time.Millisecond), a.lap, a.node, a.number, a.passed, a.err)
}

func (l *circuitLog) open(node, lap, number int, ceremony *syncmod.Ceremony) *attempt {
	a := &attempt{node: node, lap: lap, number: number, ceremony: ceremony, opened: time.Since(l.began)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(l.attempts, a)
	return a
}

func (l *circuitLog) pass(a *attempt, step int) {
	l.laps[a.lap].note(event{node: a.node, step: step, passed: true})
	l.mu.Lock()
	defer l.mu.Unlock()
	a.passed = step
}

func (l *circuitLog) end(a *attempt, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.over, a.err = time.Since(l.began), err
}

// ends notes that a node ends its attempt. The nodes that have passed
// barrier 1 in that attempt must fail.
func (l *circuitLog) ends(a *attempt, e *ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.laps[a.lap].ended = true
	for _, other := range l.attempts {
		if e.fails() && e.step > 0 && other.over == 0 && other.lap == a.lap && other.passed > 0 {
			other.mustFail = true
		}
	}
}

func (l *circuitLog) hasEnded(lap int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.laps[lap].ended
}

func (l *circuitLog) complete(lap int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.laps[lap].complete = true
}

func (l *circuitLog) isComplete(lap int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.laps[lap].complete
}

// hasFailed reports whether an attempt of a node in a lap has failed.
func (l *circuitLog) hasFailed(node, lap int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.attempts, func(a *attempt) bool {
		return a.node == node && a.lap == lap && a.err != nil
	})
}

// waited reports whether a node was in an attempt of a lap for so long that
// its goodbye may be missing. It may have waited for an answer to its goodbye until the
// answer was no longer needed.
func (l *circuitLog) waited(node, lap int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.attempts, func(a *attempt) bool {
		over := a.over
		if over == 0 {
			over = time.Since(l.began)
		}
		return a.node == node && a.lap == lap && over-a.opened >= grace
	})
}

// breaks reports whether a break of a lap should happen now. Each
// happens once.
func (l *circuitLog) breaks(lap, which int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.laps[lap].broken == nil {
		l.laps[lap].broken = make(map[int]bool)
	}
	before := l.laps[lap].broken[which]
	l.laps[lap].broken[which] = true
	return !before
}

func (l *circuitLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, a := range l.attempts {
		fmt.Fprintf(&b, "%s\n", a)
	}
	return b.String()
}

// summary counts the attempts and the failed ones. It also counts the failed attempts
// that were not the first ones of their nodes in a lap.
func (l *circuitLog) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	failed, again, longest := 0, 0, time.Duration(0)
	for _, a := range l.attempts {
		longest = max(longest, a.over-a.opened)
		if a.err == nil {
			continue
		}
		failed++
		if a.number > 1 {
			again++
		}
	}
	const line = "%d laps in %s: %d attempts, the longest took %s; %d failed, %d of them after another in the same lap"
	took := time.Since(l.began).Round(time.Millisecond)
	return fmt.Sprintf(line, len(l.laps), took, len(l.attempts), longest.Round(time.Millisecond), failed, again)
}
