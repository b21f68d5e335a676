package statuspage

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// maxClosed is how many closed ceremonies are kept.
const maxClosed = 20

// history is the ceremonies of a service: the open ones, and how the last closed ones ended.
type history struct {
	mu      sync.Mutex
	all     []*record // oldest first
	opened  int       // how many ceremonies there have been
	changed chan struct{}
}

// record is a ceremony that the page knows. The lock of the history guards the fields that
// change.
type record struct {
	id       string
	ceremony *syncmod.Ceremony // nil once it is closed and over
	def      syncmod.Definition
	names    []string
	ids      []string

	open    bool
	ended   time.Time // when the page saw that it was over; zero while it goes on
	last    syncmod.Status
	seen    [][]syncmod.Link // the last view of each member
	receipt *syncmod.Receipt
}

// view is a ceremony at one moment.
type view struct {
	record
	now    time.Time // of this view
	status syncmod.Status
	wait   *syncmod.WaitError // whom this node waits for; nil if nobody
	self   int
}

// watch follows the service and its ceremonies until ctx ends.
func (h *history) watch(ctx context.Context, s *syncmod.Service) {
	var following sync.WaitGroup
	defer following.Wait()
	for open := range s.Watch(ctx) {
		for _, r := range h.update(open) {
			c := r.ceremony
			following.Go(func() { h.follow(ctx, r, c) })
		}
	}
}

// update notes which ceremonies are open, and returns those that are new.
func (h *history) update(open []*syncmod.Ceremony) (opened []*record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := make(map[*syncmod.Ceremony]bool)
	for _, r := range h.all {
		if r.open && !slices.Contains(open, r.ceremony) {
			r.open = false
			r.release()
		}
		known[r.ceremony] = r.open
	}
	for _, c := range open {
		if known[c] {
			continue
		}
		h.opened++
		r := &record{ceremony: c, def: c.Definition(), open: true}
		r.id, r.names = fmt.Sprintf("%x.%d", r.def.Hash[:min(4, len(r.def.Hash))], h.opened), r.def.Names()
		for _, p := range r.def.Peers {
			r.ids = append(r.ids, p.ID.String()) // this is not cheap
		}
		h.all, opened = append(h.all, r), append(opened, r)
	}
	h.forget()
	h.announce()
	return opened
}

// forget removes the oldest closed ceremonies.
func (h *history) forget() {
	closed := 0
	for i, r := range slices.Backward(h.all) {
		if r.open {
			continue
		}
		if closed++; closed > maxClosed {
			h.all = slices.Delete(h.all, i, i+1)
		}
	}
}

// follow notes each change of a ceremony until it is over.
func (h *history) follow(ctx context.Context, r *record, c *syncmod.Ceremony) {
	for status := range c.Watch(ctx) {
		h.mu.Lock()
		if status.Phase >= syncmod.Complete {
			r.ended, r.last, r.receipt = status.At, status, c.Receipt()
			r.release()
		}
		r.see(status)
		h.announce()
		h.mu.Unlock()
		wait(ctx, c.Done(), pace)
	}
}

// see keeps the views of the members. It ignores them once members have begun to leave, because
// their views then say less and less. The caller holds the lock.
func (r *record) see(status syncmod.Status) {
	if status.Phase >= syncmod.Complete ||
		slices.ContainsFunc(status.Peers, func(p syncmod.PeerStatus) bool { return p.Done }) {
		return
	}
	seen := make([][]syncmod.Link, len(r.def.Peers)) // a copy: older values of type view share the old slice
	copy(seen, r.seen)
	r.seen = seen
	for _, p := range status.Peers {
		if p.View != nil {
			r.seen[p.Index] = p.View
		}
	}
}

// release drops the reference to a ceremony that is closed and over, because the ceremony may be
// large.
func (r *record) release() {
	if !r.open && !r.ended.IsZero() {
		r.ceremony = nil
	}
}

// announce wakes all who wait for changes. The caller holds the lock.
func (h *history) announce() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// change returns a channel that closes with the next change.
func (h *history) change() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// views returns the ceremonies as they are now, newest first.
func (h *history) views() []view {
	h.mu.Lock()
	records := make([]record, len(h.all))
	for i, r := range h.all {
		records[len(records)-1-i] = *r
	}
	h.mu.Unlock() // a ceremony has its own lock
	views := make([]view, len(records))
	for i, r := range records {
		views[i] = r.view()
	}
	return views
}

func (r record) view() view {
	v := view{record: r, status: r.last, self: -1}
	if r.ended.IsZero() {
		v.status, v.receipt = r.ceremony.Status(), r.ceremony.Receipt()
	}
	v.now, v.wait = v.status.At, v.status.WaitingFor() // all durations refer to the same moment
	for i := range r.def.Peers {
		if i == len(v.status.Peers) || v.status.Peers[i].Index != i {
			v.self = i
			break
		}
	}
	return v
}

// has reports whether there is a ceremony with an ID.
func (h *history) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.all, func(r *record) bool { return r.id == id })
}

// choose returns the ceremony with an ID. If there is no such ceremony, it returns the newest
// open one, or the newest of all if none is open.
func choose(views []view, id string) (view, bool) {
	for _, v := range views {
		if v.id == id {
			return v, true
		}
	}
	for _, v := range views {
		if v.open {
			return v, true
		}
	}
	if len(views) == 0 {
		return view{}, false
	}
	return views[0], true
}

// isLater reports whether other is a later attempt at the same definition.
func (v view) isLater(other view) bool {
	return bytes.Equal(v.def.Hash, other.def.Hash) && other.status.Attempt > v.status.Attempt
}

// wait waits for the time d. It returns early when the channel (happens) is closed
// or ctx ends.
func wait(ctx context.Context, happens <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-happens:
	case <-ctx.Done():
	}
}
