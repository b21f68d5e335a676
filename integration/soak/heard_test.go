package soak

import (
	"slices"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// heard is who has heard of whom that it has announced step 1, as the nodes' statuses
// say.
type heard struct {
	mu      sync.Mutex
	pairs   map[[2]int]bool // the one that has heard, and the one it has heard of
	changed chan struct{}
}

func newHeard() *heard {
	return &heard{pairs: make(map[[2]int]bool), changed: make(chan struct{})}
}

// note takes over what a node has heard.
func (h *heard) note(node int, status syncmod.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range status.Peers {
		h.pairs[[2]int{node, p.Index}] = p.Step >= 1
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// any tells whether one of some nodes has heard of one of others, and what is closed
// when that may have changed.
func (h *heard) any(nodes, others []int) (bool, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range nodes {
		for _, j := range others {
			if h.pairs[[2]int{i, j}] {
				return true, nil
			}
		}
	}
	return false, h.changed
}

// untilHeard waits before a fault that is to be fatal. It is so only once those who
// are to fail by it know that who goes, or the other side, has announced step 1:
// before, they would go on and wait for it. One that knows is enough, it tells
// the others; one that goes as well is not.
func (a *actor) untilHeard(f fault) {
	var nodes []int
	for i := range a.actors {
		if !slices.Contains(f.who, i) && !a.planned.loses(i) {
			nodes = append(nodes, i)
		}
	}
	late := time.After(a.bound)
	for {
		yes, changed := a.heard.any(nodes, f.who)
		if yes {
			return
		}
		select {
		case <-changed:
		case <-a.ceremony.Done():
			return
		case <-late:
			a.t.Errorf("none of the nodes %v has heard within %s that one of %v has announced step 1",
				nodes, a.bound, f.who)
			return
		}
	}
}
