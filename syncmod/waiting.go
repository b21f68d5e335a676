package syncmod

import (
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/telemetry"
)

// A wait that lasts is reported in slices, so that it can be seen while it
// lasts: the first after so long, each twice as long as the one before, up to a
// longest.
const (
	firstSlice   = 10 * time.Second
	longestSlice = 5 * time.Minute
)

// wait is the barrier that the ceremony waits at.
type wait struct {
	kind  string
	step  int64
	since time.Time
}

// slice is the part of a wait that has not been reported yet.
type slice struct {
	of     wait
	from   time.Time
	length time.Duration
}

// waits returns the barrier that the ceremony waits at, if it does: the same for
// status, reports and metrics. The lock is held.
func (c *Ceremony) waits() (wait, bool) {
	step := c.roster.Step()
	_, times := c.roster.Connected()
	switch {
	case c.opened.IsZero(), c.roster.Phase() == roster.Complete:
	case c.roster.Farewell():
		return wait{barrierShutdown, step, c.farewell}, true
	case step > c.roster.Passed():
		return wait{barrierStep, step, c.roster.AnnouncedAt()}, true
	case step == 0 && times == 0:
		return wait{barrierConnected, step, c.opened}, true
	}
	return wait{}, false
}

// look does what time demands, and arms the one coarse timer for the next time:
// members that are gone, goodbyes, slices of a wait. The lock is held.
func (c *Ceremony) look(now time.Time) {
	c.stopTimer()
	next := c.roster.Tick(now)
	if c.roster.Phase() >= roster.Complete {
		return
	}
	if due := c.cutSlice(now); !due.IsZero() && (next.IsZero() || due.Before(next)) {
		next = due
	}
	if !next.IsZero() {
		c.timer = time.AfterFunc(next.Sub(now), c.tick)
	}
}

func (c *Ceremony) tick() {
	now := c.lock()
	c.look(now)
	c.settle(now)
	c.mu.Unlock()
	c.flush()
}

// cutSlice reports a slice of the wait when it is due, and returns when the next
// one is.
func (c *Ceremony) cutSlice(now time.Time) time.Time {
	w, waits := c.waits()
	if !waits {
		c.slice = slice{}
		return time.Time{}
	}
	if c.slice.of != w {
		c.slice = slice{of: w, from: w.since, length: firstSlice}
	}
	due := c.slice.from.Add(c.slice.length)
	if now.Before(due) {
		return due
	}
	missing := c.missing(now, w.kind, w.step)
	who := make([]string, len(missing))
	for i, m := range missing {
		p := c.peerStatus(m)
		who[i] = displayName(p.Peer) + " (" + p.describe(now) + ")"
	}
	o := telemetry.Waiting{
		Kind: w.kind, Step: w.step, Started: c.slice.from, Ended: now, Elapsed: now.Sub(w.since), Missing: missing, Who: strings.Join(who, ", "),
	}
	c.note(func() { c.report.Waiting(o) })
	c.slice.from, c.slice.length = now, min(2*c.slice.length, longestSlice)
	return now.Add(c.slice.length)
}

// endWork reports the work between two barriers, when it is over.
func (c *Ceremony) endWork(now time.Time) {
	if c.working.Started.IsZero() {
		return
	}
	o := c.working
	o.Ended = now
	c.working = telemetry.Step{}
	c.note(func() { c.report.Step(o) })
}

// snapshot is what metrics observe.
func (c *Ceremony) snapshot() telemetry.Snapshot {
	now := c.lock()
	defer c.mu.Unlock()
	s := telemetry.Snapshot{Step: c.roster.Step()}
	if c.roster.Phase() >= roster.Complete {
		return s // whoever is gone now is missed by nobody
	}
	s.Peers = make([]telemetry.PeerSnapshot, len(c.members))
	for i := range s.Peers {
		if i == c.self {
			continue
		}
		m := c.roster.Member(i)
		s.Peers[i] = telemetry.PeerSnapshot{Inbound: m.Inbound, Outbound: m.Outbound, Step: m.Step, LastSeen: m.LastSeen}
	}
	if w, waits := c.waits(); waits && c.err == nil {
		s.Waiting = &telemetry.WaitingSnapshot{Kind: w.kind, Since: w.since, Missing: len(c.missing(now, w.kind, w.step))}
	}
	return s
}
