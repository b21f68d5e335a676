package soak

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// retry plays a plan of retries.
type retry struct {
	*cluster
	plan   retries
	about  string
	ctx    context.Context // ends when the nodes must give up
	giveUp context.CancelFunc
	breaks sync.WaitGroup
}

// retrier is a node of a retry. It runs one process after another.
type retrier struct {
	*retry
	index    int
	faults   []fault            // faults that have not happened, the next one first
	down     time.Duration      // how long there is no process after this one has ended
	leave    context.CancelFunc // ends the run of this process; nil: a fault has ended it
	current  *syncmod.Ceremony
	attempts []string // how each attempt ended
}

// playRetries plays a plan. It requires that the ceremony completes on all nodes, with
// no more attempts than the faults explain.
func playRetries(t *testing.T, p retries, counts *tally) {
	c := &retry{
		cluster: newCluster(t, p.members, p.config(), counts, harness.Links()), plan: p,
		about: fmt.Sprintf("%d, until it is complete", p.seed),
	}
	c.ctx, c.giveUp = context.WithTimeout(context.Background(), p.bound())
	defer c.giveUp()
	over, began := make(chan struct{}), time.Now()
	for _, f := range p.breaks {
		c.breaks.Go(func() { c.happen(f, over) })
	}
	nodes := make([]*retrier, p.members)
	var playing sync.WaitGroup
	for i := range nodes {
		nodes[i] = &retrier{retry: c, index: i, faults: p.faults[i]}
		playing.Go(nodes[i].play)
	}
	playing.Wait()
	close(over)
	c.breaks.Wait()
	most := 0
	for _, n := range nodes {
		most = max(most, len(n.attempts))
	}
	if limit := 1 + p.count() + strays; most > limit {
		t.Errorf("a node took %d attempts for %d faults, which is more than %d", most, p.count(), limit)
	}
	c.end(nil)
	t.Logf("%d faults and %d breaks: at most %d attempts, %s", p.count(), len(p.breaks), most,
		time.Since(began).Round(time.Millisecond))
	if t.Failed() {
		t.Logf("the plan:\n%s\nwhat happened:", p)
		for _, n := range nodes {
			t.Logf("node %d:\n  %s", n.index, strings.Join(n.attempts, "\n  "))
		}
	}
}

// happen applies a fault of links at its time.
func (c *retry) happen(f fault, over <-chan struct{}) {
	rest(c.ctx, over, f.after)
	c.tally.injected(f.kind)
	undo := c.wires.apply(f)
	rest(c.ctx, over, f.length)
	undo()
}

// play runs one process after another, until one has a complete ceremony.
func (n *retrier) play() {
	for {
		n.start(n.index)
		ctx, leave := context.WithCancel(n.ctx)
		n.leave = leave
		receipt, err := n.nodes.Nodes[n.index].Service.Run(ctx, n.nodes.Definition(n.index, n.about), n.begin)
		leave()
		n.note()
		if n.leave != nil {
			if err == nil {
				err = checkReceipt(receipt, n.about, 0)
			}
			if err != nil {
				n.t.Errorf("node %d: %v", n.index, err)
				n.giveUp()
			}
			return
		}
		rest(n.ctx, nil, n.down)
		if !n.alive[n.index] {
			n.nodes.Nodes[n.index].OpenHost()
			n.alive[n.index] = true
		}
	}
}

// begin makes the steps of an attempt.
func (n *retrier) begin(c *syncmod.Ceremony) ([]syncmod.Step, error) {
	n.note()
	n.current = c
	if err := n.meet(n.ctx, 0); err != nil {
		return nil, err
	}
	var steps []syncmod.Step
	for k := 1; k <= n.plan.steps; k++ {
		steps = append(steps, syncmod.Step{Name: fmt.Sprint("step ", k), Run: func(ctx context.Context) error {
			rest(ctx, nil, n.plan.work[n.index][k-1])
			if err := n.meet(ctx, k); err != nil {
				return err
			}
			if k == n.plan.steps {
				return c.Attest([]byte(n.about))
			}
			return nil
		}})
	}
	return steps, nil
}

// note notes how the latest attempt has ended.
func (n *retrier) note() {
	if n.current == nil {
		return
	}
	status := n.current.Status()
	n.tally.ended(kindOf(status.Err))
	n.attempts = append(n.attempts, fmt.Sprintf("attempt %d was %s at step %d: %v",
		status.Attempt, status.Phase, status.Step, status.Err))
	n.current = nil
}

// meet applies the node's next fault if it belongs to this step. It returns an error if
// the fault ends the attempt. The fault happens only in an attempt that has not failed.
func (n *retrier) meet(ctx context.Context, step int) error {
	if len(n.faults) == 0 || n.faults[0].step != step {
		return nil
	}
	f := n.faults[0]
	rest(ctx, n.current.Done(), f.delay)
	if n.current.Err() != nil || ctx.Err() != nil {
		return errOver
	}
	n.faults = n.faults[1:]
	n.tally.injected(f.kind)
	leave := n.leave
	switch f.kind {
	case abort:
		return errGaveUp
	case stop:
		n.stop(n.index)
	default:
		n.kill(n.index)
	}
	n.down, n.leave = f.length, nil
	leave()
	return errOver
}

// strays is how many attempts may end without a fault of their own: a member that has
// not noticed that the previous attempt is over can end the next one; see
// docs/guarantees.md.
const strays = 2

// plainRetries is how many clusters of retries a plain go test plays.
const plainRetries = 2

func TestNodesBeginAgainUntilComplete(t *testing.T) {
	if testing.Short() || given()["seed"] || given()["duration"] || given()["clusters"] {
		t.Skip("it takes a while, and the soak draws such clusters itself")
	}
	seed, began, seen := uint64(plainSeed), time.Now(), newTally()
	baseline := warmUp(t)
	for range plainRetries {
		seen.clusters++
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playRetries(t, drawRetries(seed, 0), seen) })
		if err := baseline.left(); err != nil {
			t.Errorf("cluster %d has left something behind: %v", seed, err)
		}
		seed = next(seed)
	}
	t.Log(seen.line(plainSeed, time.Since(began)))
}

func TestASeedGivesTheSameRetries(t *testing.T) {
	drawn, breaks, begins := make(map[string]int), make(map[kind]int), 0
	for seed := range uint64(1000) {
		p := drawRetries(seed, 0)
		require.Empty(t, cmp.Diff(p.String(), drawRetries(seed, 0).String()))
		if isRetries(seed) && !isLoops(seed) {
			begins++
		}
		for _, own := range p.faults {
			for _, f := range own {
				drawn[fmt.Sprintf("%s, before step 1: %t", f.kind, f.step == 0)]++
			}
		}
		for _, f := range p.breaks {
			breaks[f.kind]++
		}
	}

	t.Log(drawn, breaks, begins)
	require.Len(t, drawn, 6)
	require.Len(t, breaks, 3)
	require.Greater(t, begins, 100)
}
