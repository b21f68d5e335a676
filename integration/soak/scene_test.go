package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/dkgsync/dkgsync/syncmod"
)

// scene plays one ceremony of a plan.
type scene struct {
	*cluster
	round   int
	planned ceremony
	bound   time.Duration
	about   string
	before  *scene // the previous ceremony of the same definition, which is still open
	actors  []*actor
	hosts   []host.Host          // as at the beginning
	defs    []syncmod.Definition // each node's definition of the ceremony
	record  record
	heard   *heard
	began   time.Time
	over    chan struct{} // closed when every actor has ended its part
	faults  sync.WaitGroup

	mu       sync.Mutex
	happened []fault
	undo     []func() // undoes faults that last for good
}

func newScene(c *cluster, round int, planned ceremony, about string, before *scene) *scene {
	s := &scene{
		cluster: c,
		round:   round,
		planned: planned,
		bound:   c.plan.bound(round, planned),
		about:   about,
		before:  before,
		heard:   newHeard(),
		over:    make(chan struct{}),
	}
	for i := range planned.nodes {
		s.hosts = append(s.hosts, c.nodes.Nodes[i].Host)
		s.defs = append(s.defs, c.nodes.Definition(i, about))
		s.actors = append(s.actors, &actor{scene: s, index: i, script: planned.nodes[i], lives: true})
	}
	return s
}

// play makes every node do its part and the faults happen, until all have ended.
func (s *scene) play() {
	s.began = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), s.bound)
	defer cancel()
	for _, f := range s.planned.faults {
		if f.node < 0 {
			s.faults.Go(func() { s.later(f) })
		}
	}
	var parts sync.WaitGroup
	for _, a := range s.actors {
		parts.Go(func() { a.play(ctx) })
	}
	stuck := time.AfterFunc(s.bound+slack, func() {
		var all strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		panic(fmt.Sprintf("a call does not return though its context has ended\n%s\n%s", s.plan, all.String()))
	})
	parts.Wait()
	stuck.Stop()
	close(s.over)
	for _, a := range s.actors {
		a.watched.Wait()
	}
	s.faults.Wait()
}

// later makes a fault happen at its time.
func (s *scene) later(f fault) {
	select {
	case <-time.After(f.after):
		s.happen(f)
	case <-s.over:
	}
}

// happen applies a fault that no node causes itself.
func (s *scene) happen(f fault) {
	s.inject(f)
	switch {
	case f.kind == stranger:
		s.strange(f.who[0])
	case s.plan.network != links && f.kind == drop:
		for _, i := range f.who {
			for _, j := range f.others {
				_ = s.hosts[i].Network().ClosePeer(s.hosts[j].ID())
			}
		}
	case f.kind.ofLink():
		undo := s.wires.apply(f)
		if f.kind.fatal() {
			s.mu.Lock()
			s.undo = append(s.undo, undo)
			s.mu.Unlock()
			return
		}
		select { // also when all have ended, so that the next ceremony finds the network healed
		case <-time.After(f.length):
		case <-s.over:
		}
		undo()
	}
}

// inject notes that a fault happens.
func (s *scene) inject(f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened = append(s.happened, f)
	s.tally.injected(f.kind)
	if f.kind.breaks() {
		s.broken.Store(true)
	}
}

// heal undoes the faults that last for good.
func (s *scene) heal() {
	for _, undo := range s.undo {
		undo()
	}
}

// judge checks the outcome of the ceremony on every living node.
func (s *scene) judge() {
	if err := s.record.check(len(s.actors)); err != nil {
		s.t.Error(err)
	}
	failed := ""
	for _, a := range s.actors {
		if !a.lives {
			continue
		}
		if err := s.verdict(a); err != nil {
			s.t.Errorf("node %d: %v", a.index, err)
		}
		if name := kindOf(a.ceremony.Err()); failed == "" || failed == "told" {
			failed = name
		}
	}
	s.tally.ended(failed)
	s.t.Logf("round %d: %s, failed: %q, after %s of %s", s.round+1, s.planned.expected(), failed, s.took(), s.bound)
	if s.t.Failed() {
		s.t.Logf("round %d, ceremony %q:\n%s", s.round+1, s.about, s.describe())
	}
}

// verdict returns an error if the ceremony ended in a wrong way on a node.
func (s *scene) verdict(a *actor) error {
	status := a.ceremony.Status()
	if a.ended >= s.bound {
		return fmt.Errorf("did not end within %s; it is %s at step %d: %w", s.bound, status.Phase, status.Step, a.err)
	}
	expected := s.planned.expected()
	if s.planned.spares(a.index) {
		expected = either
	}
	switch {
	case status.Phase == syncmod.Complete && expected != fails:
		if a.err != nil && expected == completes {
			return fmt.Errorf("is complete, with an error: %w", a.err)
		}
		return checkReceipt(a.ceremony.Receipt(), s.about, s.round)
	case status.Phase == syncmod.Failed && expected != completes:
		return s.blames(a, status.Err)
	default:
		return fmt.Errorf("is %s at step %d, although the plan says that the ceremony %s: %w",
			status.Phase, status.Step, expected, a.err)
	}
}

// blames returns nil if a node's error names the culprit. The culprit is the
// node itself if the node caused the fault. A node that is cut off when the others learn
// of the failure hears of it later, in the answer to a request. Such an answer has room
// only for a reason. So the node's error, and the errors of the nodes that it tells, name
// the member that answered. They repeat the reason, which names the culprit.
func (s *scene) blames(a *actor, err error) error {
	own := errors.Is(err, syncmod.ErrAborted) || errors.Is(err, syncmod.ErrStopped) ||
		errors.Is(err, syncmod.ErrHostClosed)
	blamed, named := errors.AsType[*syncmod.PeerError](err)
	for _, f := range s.happened {
		for _, culprit := range s.culprits(f, a.index) {
			switch {
			case own && culprit == a.index, named && blamed.Index == culprit:
				return nil
			case s.broken.Load() && strings.Contains(err.Error(), "refused this node") &&
				strings.Contains(err.Error(), fmt.Sprintf("operator %d (", culprit)):
				return nil
			}
		}
	}
	return fmt.Errorf("failed with something that the faults do not explain: %w", err)
}

// culprits returns the nodes that a node may name for a fault. If the whole network is
// split, a node names a member of the other side. If only two nodes have lost each other,
// a third may name either of them: the one that it hears about first.
func (s *scene) culprits(f fault, observer int) []int {
	switch {
	case f.kind == hurry, f.kind.fatal() && !f.kind.ofLink():
		return f.who
	case !f.kind.fatal():
		return nil
	case len(f.who)+len(f.others) < len(s.actors):
		return slices.Concat(f.who, f.others)
	case slices.Contains(f.who, observer):
		return f.others
	}
	return f.who
}

// took returns how long it took until the last node had ended its part.
func (s *scene) took() (longest time.Duration) {
	for _, a := range s.actors {
		longest = max(longest, a.ended)
	}
	return longest.Round(time.Millisecond)
}

func (s *scene) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "it began at %s and took %s\n", s.began.Format("15:04:05.000"), s.took())
	for _, f := range s.happened {
		fmt.Fprintf(&b, "happened: %s\n", f)
	}
	fmt.Fprintf(&b, "%s\n", &s.record)
	for _, a := range s.actors {
		fmt.Fprintf(&b, "node %d (alive: %t) ended after %s with %v\n",
			a.index, a.lives, a.ended.Round(time.Millisecond), a.err)
		if a.ceremony == nil {
			continue
		}
		status, _ := a.ceremony.Status().MarshalJSON() // it never fails
		fmt.Fprintf(&b, "  %s\n", status)
	}
	return b.String()
}
