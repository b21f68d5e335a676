package soak

import (
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// wires are the links of a cluster. Several faults may affect a link at the same time. It
// heals when the last of them ends.
type wires struct {
	cluster *harness.Cluster

	mu     sync.Mutex
	broken map[*harness.Link]int
	slowed map[*harness.Link]int
}

func newWires(c *harness.Cluster) *wires {
	return &wires{cluster: c, broken: make(map[*harness.Link]int), slowed: make(map[*harness.Link]int)}
}

// apply applies a fault to the links between its two sides, and returns a function that
// undoes it.
func (w *wires) apply(f fault) (undo func()) {
	between := w.cluster.Between(f.who, f.others)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range between {
		switch f.kind {
		case drop:
			if f.bytes > 0 {
				l.DropAfter(f.bytes)
			} else {
				l.Drop()
			}
		case cut, cutForGood:
			l.Cut()
		case cutAfter:
			l.CutAfter(f.bytes)
		case freeze, freezeForGood:
			l.Freeze()
		case slow:
			l.Delay(f.delay)
		}
		switch f.kind {
		case drop:
		case slow:
			w.slowed[l]++
		default:
			w.broken[l]++
		}
	}
	return func() { w.undo(f.kind, between) }
}

func (w *wires) undo(k kind, between []*harness.Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range between {
		switch k {
		case drop:
		case slow:
			if w.slowed[l]--; w.slowed[l] == 0 {
				l.Delay(time.Duration(0))
			}
		default:
			if w.broken[l]--; w.broken[l] == 0 {
				l.Heal()
			}
		}
	}
}
