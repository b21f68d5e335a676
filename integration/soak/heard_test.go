package soak

import (
	"slices"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// heard keeps which nodes know that another node has announced step 1, as
// the statuses of the former say.
type heard struct {
	mu      sync.Mutex
	pairs   map[[2]int]bool // the node that knows, and the node that has announced
	changed chan struct{}
}

func newHeard() *heard {
	return &heard{pairs: make(map[[2]int]bool), changed: make(chan struct{})}
}

// note notes what a node's status says.
func (h *heard) note(node int, status syncmod.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range status.Peers {
		h.pairs[[2]int{node, p.Index}] = p.Step >= 1
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// any reports whether at least one node of the first list knows that at
// least one node of the second list has announced step 1. If none does, it also returns
// a channel that is closed when the answer may have changed.
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

// untilHeard waits before a fatal fault. The nodes that must fail cannot fail before one
// of them has heard that the leaving node, or a node of the other side, has announced
// step 1. Before that, the others would go on and wait. One node that knows is enough,
// because it tells the others. The node that knows must not be one that leaves too.
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
