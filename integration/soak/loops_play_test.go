package soak

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// circuit plays a plan of loops.
type circuit struct {
	*cluster
	plan   loops
	ctx    context.Context // ends when the nodes must give up
	giveUp context.CancelFunc
	faults sync.WaitGroup
	log    circuitLog
}

// looper is a node of a circuit.
type looper struct {
	*circuit
	index int
	thaw  func() // heals the links of a node that is restarting
}

// playLoops plays a plan, and checks the outcome.
func playLoops(t *testing.T, p loops, counts *tally) {
	c := &circuit{
		cluster: newCluster(t, p.members, p.config(), counts, harness.Links()),
		plan:    p,
		log:     circuitLog{began: time.Now(), laps: make([]lapLog, len(p.laps))},
	}
	c.ctx, c.giveUp = context.WithCancel(context.Background())
	defer c.giveUp()
	for i := range p.members {
		c.start(i)
	}
	over := make(chan struct{})
	var loopers, besides sync.WaitGroup
	for i := range p.members {
		n := &looper{circuit: c, index: i}
		loopers.Go(n.play)
		if p.beside != nil {
			besides.Go(func() { n.besides(over) })
		}
	}
	loopers.Wait()
	close(over)
	besides.Wait()
	c.faults.Wait()
	for r := range c.log.laps {
		if err := c.log.laps[r].check(p.members); err != nil {
			t.Errorf("lap %d: %v", r, err)
		}
	}
	c.end(nil)
	if t.Failed() {
		t.Logf("the plan:\n%s\nwhat happened:\n%s", p, &c.log)
	}
	t.Log(c.log.summary())
}

// play completes the definition once in each lap.
func (n *looper) play() {
	before := time.Duration(0)
	for r := range n.plan.laps {
		bound := n.plan.bound(r)
		ctx, cancel := context.WithTimeout(n.ctx, before+bound) // others may still be in the previous lap
		err := n.complete(ctx, r)
		cancel()
		if err != nil {
			if n.ctx.Err() == nil {
				n.t.Errorf("node %d, lap %d: %v", n.index, r, err)
			}
			n.giveUp()
			return
		}
		before = bound
	}
}

// complete begins attempts until one is complete, or until another node has completed
// the lap. If a node closes early, the other nodes may lose that node, so that some
// of them complete and some fail.
func (n *looper) complete(ctx context.Context, r int) error {
	for number := 1; number <= mostAttempts; number++ {
		a, err := n.attempt(ctx, r, number)
		switch {
		case err != nil:
			return err
		case a.err == nil, n.log.isComplete(r):
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("not complete within %s: %w", n.plan.bound(r), a.err)
		}
	}
	return fmt.Errorf("not complete after %d attempts", mostAttempts)
}

// attempt opens the definition, takes part and closes it. It returns an error if
// something happens that the plan does not explain.
func (n *looper) attempt(ctx context.Context, r, number int) (*attempt, error) {
	pace := n.plan.laps[r].nodes[n.index]
	rest(ctx, nil, pace.open)
	about := fmt.Sprintf("%d, again and again", n.plan.seed)
	ceremony, err := n.nodes.Nodes[n.index].Service.Open(n.nodes.Definition(n.index, about))
	if err != nil {
		return nil, err
	}
	a := n.log.open(n.index, r, number, ceremony)
	err = n.run(ctx, a)
	n.log.end(a, err)
	if n.ctx.Err() == nil {
		err = n.judge(a)
	}
	rest(ctx, nil, pace.stay)
	n.inTime(fmt.Sprintf("closing the attempt of node %d", n.index), ceremony.Close)
	return a, err
}

// run takes part in an attempt until it is over. It returns nil if the attempt is complete.
func (n *looper) run(ctx context.Context, a *attempt) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	n.breakLinks(a.lap, 0)
	e := n.plan.laps[a.lap].ending
	switch {
	case e == nil || e.node != n.index || n.log.hasEnded(a.lap):
		e = nil
	case e.kind == hurry:
		return failureOr(a, n.hurry(ctx, a, e))
	case e.step == 0:
		err := a.ceremony.AwaitConnected(ctx)
		if err == nil {
			err = n.endAttempt(a, e, leave)
			n.inTime(fmt.Sprintf("closing the attempt of node %d before step 1", n.index), a.ceremony.Close)
			n.comeBack(a)
		}
		return failureOr(a, err)
	}
	err := a.ceremony.Run(ctx, n.steps(a, e, leave)...)
	n.comeBack(a)
	return failureOr(a, err)
}

// steps returns the steps of an attempt. The node ends the attempt in them if e says so.
func (n *looper) steps(a *attempt, e *ending, leave func()) []syncmod.Step {
	n.announce(a, 1)
	var steps []syncmod.Step
	for k := 1; k <= n.plan.laps[a.lap].steps; k++ {
		steps = append(steps, syncmod.Step{Run: func(context.Context) error {
			n.pass(a, k)
			if e != nil && e.step == k {
				return n.endAttempt(a, e, leave)
			}
			n.announce(a, k+1)
			return nil
		}})
	}
	return steps
}

// announce is called just before a step is announced.
func (n *looper) announce(a *attempt, step int) {
	rest(n.ctx, a.ceremony.Done(), n.plan.laps[a.lap].nodes[n.index].pauses[step-1])
	n.log.laps[a.lap].note(event{node: n.index, step: step})
}

// pass is called just after a barrier.
func (n *looper) pass(a *attempt, step int) {
	n.log.pass(a, step)
	n.breakLinks(a.lap, step)
}

// breakLinks applies the plan's faults of links for this moment of a lap.
func (n *looper) breakLinks(r, step int) {
	for i, f := range n.plan.laps[r].breaks {
		if f.node != n.index || f.step != step || !n.log.breaks(r, i) {
			continue
		}
		n.tally.injected(f.kind)
		undo := n.wires.apply(f)
		n.faults.Go(func() {
			rest(n.ctx, nil, f.length)
			undo()
		})
	}
}

// besides takes part in the second ceremony. Nothing disturbs that
// ceremony, and it completes once the laps are over.
func (n *looper) besides(over <-chan struct{}) {
	about := fmt.Sprintf("%d, beside", n.plan.seed)
	ceremony, err := n.nodes.Nodes[n.index].Service.Open(n.nodes.Definition(n.index, about))
	if err != nil {
		n.t.Errorf("opening the second ceremony of node %d: %v", n.index, err)
		n.giveUp()
		return
	}
	defer n.inTime(fmt.Sprintf("closing the second ceremony of node %d", n.index), ceremony.Close)
	for _, pause := range n.plan.beside[n.index] {
		rest(n.ctx, over, pause)
		if !n.goesOn("at a barrier", func(ctx context.Context) error { _, err := ceremony.Advance(ctx); return err }) {
			return
		}
	}
	select {
	case <-over:
	case <-ceremony.Done():
		n.t.Errorf("the second ceremony of node %d is over: %v", n.index, ceremony.Err())
		n.giveUp()
		return
	}
	n.goesOn("at its end", ceremony.Complete)
}

// goesOn reports whether a call of the second ceremony returns in time and without an error.
func (n *looper) goesOn(where string, call func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(n.ctx, n.plan.besideBound())
	defer cancel()
	err := call(ctx)
	if err != nil && n.ctx.Err() == nil {
		n.t.Errorf("the second ceremony of node %d, %s: %v", n.index, where, err)
	}
	if err != nil {
		n.giveUp()
	}
	return err == nil
}

// rest waits for d. It returns early when ctx ends or the channel over is closed.
func rest(ctx context.Context, over <-chan struct{}, d time.Duration) {
	select {
	case <-time.After(d): // stands for the node's work, or for the length of a fault
	case <-over:
	case <-ctx.Done():
	}
}

// failureOr returns why an attempt has failed, or err if it has not.
func failureOr(a *attempt, err error) error {
	if failure := a.ceremony.Err(); failure != nil {
		return failure
	}
	return err
}
