package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// steps is the number of steps in a ceremony here. The last barrier comes on top.
const steps = 5

// diary notes when one member entered each barrier and when it was released from it.
// Barrier 1 is the first. The release from the last barrier is not visible by itself.
type diary struct {
	city              city
	entered, released [steps + 2]time.Time
	ended             time.Time // the end of the ceremony, goodbyes included
	err               error
}

// work returns how long a member works on a step. The times differ, so
// that another member is the last at each barrier.
func work(member, step int) time.Duration {
	return time.Duration((member*37+step*101)%400) * ms
}

// run runs a whole ceremony and keeps its diary.
func (d *diary) run(index int, c *syncmod.Ceremony, work func(member, step int) time.Duration) {
	var watching sync.WaitGroup
	watching.Go(func() {
		for status := range c.Watch(context.Background()) {
			if status.Step > 0 {
				d.entered[1] = status.Since
				return
			}
		}
	})
	var plan []syncmod.Step
	for k := 1; k <= steps; k++ {
		plan = append(plan, syncmod.Step{Name: fmt.Sprintf("step %d", k), Run: func(ctx context.Context) error {
			d.released[k] = time.Now()
			select {
			case <-time.After(work(index, k)): // virtual time, in which the step works
			case <-ctx.Done():
				return ctx.Err()
			}
			d.entered[k+1] = time.Now()
			return nil
		}})
	}
	d.err = c.Run(context.Background(), plan...)
	d.ended = time.Now()
	watching.Wait()
}

// diaries has a diary for each member.
type diaries []diary

// running is a ceremony in progress on all members.
type running struct {
	diaries diaries
	wg      sync.WaitGroup
}

// begin runs the ceremonies of all members in the background.
func begin(w *world, ceremonies []*syncmod.Ceremony, work func(member, step int) time.Duration) *running {
	r := &running{diaries: make(diaries, len(ceremonies))}
	for i, c := range ceremonies {
		d := &r.diaries[i]
		d.city = w.members[i].site.city
		r.wg.Go(func() { d.run(i, c, work) })
	}
	return r
}

// end waits until the ceremony has ended at all members.
func (r *running) end() diaries {
	r.wg.Wait()
	return r.diaries
}

// ceremonies returns the ceremonies with which the members were started.
func (w *world) ceremonies() []*syncmod.Ceremony {
	all := make([]*syncmod.Ceremony, len(w.members))
	for i, m := range w.members {
		all[i] = m.ceremony
	}
	return all
}

// complete asserts that the ceremony is complete at every member.
func (ds diaries) complete(t *testing.T) diaries {
	t.Helper()
	for i, d := range ds {
		require.NoError(t, d.err, "member %d", i)
		for k := 1; k <= steps; k++ {
			require.False(t, d.released[k].IsZero(), "member %d has not done step %d", i, k)
		}
	}
	return ds
}

// barrier returns how long a barrier took, from the moment when the last member entered
// it to the moment when the last member was released.
func (ds diaries) barrier(k int) time.Duration {
	var entered time.Time
	for _, d := range ds {
		entered = later(entered, d.entered[k])
	}
	return ds.passed(k).Sub(entered)
}

// passed returns the time at which the last member was released from a
// barrier.
func (ds diaries) passed(k int) time.Time {
	var at time.Time
	for _, d := range ds {
		at = later(at, d.released[k])
	}
	return at
}

// barriers returns how long each barrier took, the shortest first. It leaves out the
// last barrier.
func (ds diaries) barriers() []time.Duration {
	took := make([]time.Duration, 0, steps)
	for k := 1; k <= steps; k++ {
		took = append(took, ds.barrier(k))
	}
	slices.Sort(took)
	return took
}

// earliest returns the earliest time at which a member can be released from a
// barrier: the time at which everyone's messages can have reached it.
func (ds diaries) earliest(k, member int) time.Time {
	var at time.Time
	for i, d := range ds {
		arrives := d.entered[k]
		if i != member {
			arrives = arrives.Add(delays[d.city][ds[member].city])
		}
		at = later(at, arrives)
	}
	return at
}

// overhead returns the longest time for which a barrier held a member although
// everyone's messages could have reached that member.
func (ds diaries) overhead(k int) time.Duration {
	var most time.Duration
	for i, d := range ds {
		most = max(most, d.released[k].Sub(ds.earliest(k, i)))
	}
	return most
}

// goodbyes returns how long the end took, from the moment when the last member entered
// the last barrier until the last member ended.
func (ds diaries) goodbyes() time.Duration {
	var entered, ended time.Time
	for _, d := range ds {
		entered, ended = later(entered, d.entered[steps+1]), later(ended, d.ended)
	}
	return ended.Sub(entered)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
