package syncmod

import (
	"fmt"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

const (
	clockPeriod  = time.Minute     // a member's clock that is set back is noticed after two of these at the latest
	clockWarning = 5 * time.Second // smaller differences do not matter
	clockSamples = 5               // needed before a clock counts as slow: one late message looks the same
	clockMost    = 100 * 365 * 24 * time.Hour
)

// clock is what this node knows about a member's clock: how far the times in its
// requests are ahead of this node's clock when they arrive. Each request has been
// under way for a while. The request that is furthest ahead has spent the least
// time on its way: about half of the fastest round trip.
type clock struct {
	now, before clockStretch
	began       time.Time // when the current stretch began
	warned      bool
}

// clockStretch is what one period has shown.
type clockStretch struct {
	samples int
	ahead   time.Duration // the largest difference seen
	rtt     time.Duration // the shortest round trip; 0: none
}

// heard notes how far a request was ahead.
func (k *clock) heard(now time.Time, ahead time.Duration) {
	k.turn(now)
	ahead = min(max(ahead, -clockMost), clockMost)
	if k.now.samples == 0 || ahead > k.now.ahead {
		k.now.ahead = ahead
	}
	k.now.samples++
}

// roundTrip notes how long a request of this node took.
func (k *clock) roundTrip(now time.Time, rtt time.Duration) {
	k.turn(now)
	if k.now.rtt == 0 || rtt < k.now.rtt {
		k.now.rtt = rtt
	}
}

func (k *clock) turn(now time.Time) {
	if now.Sub(k.began) >= clockPeriod {
		k.before, k.now, k.began = k.now, clockStretch{}, now
	}
}

// offset returns how far the clock is ahead of this node's, or 0 if that is
// unknown.
func (k *clock) offset() time.Duration {
	best := k.now
	switch {
	case k.before.samples == 0:
	case best.samples == 0:
		best.ahead = k.before.ahead
	default:
		best.ahead = max(best.ahead, k.before.ahead)
	}
	if k.samples() == 0 {
		return 0
	}
	if best.rtt == 0 || k.before.rtt > 0 && k.before.rtt < best.rtt {
		best.rtt = k.before.rtt
	}
	return best.ahead + best.rtt/2
}

func (k *clock) samples() int { return k.now.samples + k.before.samples }

// isWrong reports whether the two clocks differ so much that it matters.
func (k *clock) isWrong() bool {
	offset := k.offset()
	return offset > clockWarning || offset < -clockWarning && k.samples() >= clockSamples
}

// aheadText says how far a clock is ahead of this node's: "12 s ahead of this node's".
func aheadText(offset time.Duration) string {
	if offset < 0 {
		return report.Spell(-offset) + " behind this node's"
	}
	return report.Spell(offset) + " ahead of this node's"
}

// noteClock notes what a request says about its sender's clock. The caller holds
// the lock.
func (c *core) noteClock(now time.Time, member int, ahead stream.Ahead) {
	if !ahead.Known {
		return
	}
	k := &c.clocks[member]
	k.heard(now, ahead.By)
	if k.warned || !k.isWrong() {
		return
	}
	k.warned = true
	c.report.Clock(member, now, fmt.Sprintf(
		"%s: correct the wrong clock; "+
			"TLS refuses connections when the two differ by more than an hour", aheadText(k.offset())))
}
