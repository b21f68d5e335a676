package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

var (
	errFault  = errors.New("the step fails, as drawn")
	errKilled = errors.New("the process ends, as drawn")
)

// again is a member's node. It begins again after a failure, and is started again when
// its process has ended.
type again struct {
	*member
	def    syncmod.Definition
	ctx    context.Context // ends when the nodes must give up
	giveUp context.CancelFunc
	most   int     // the largest number of attempts
	faults []fault // the node's faults that have not happened, the next one first
	dead   atomic.Bool
	random *rand.Rand

	struck   int
	doomed   bool                    // the process will end soon: the next fault has been set off
	kill     context.CancelCauseFunc // ends the process
	attempts []string                // how each attempt of all its processes ended
	current  *syncmod.Ceremony
	err      error // of the last process
}

func (a *again) String() string { return strings.Join(a.attempts, "\n  ") }

// live runs one process after another, until one has a complete ceremony.
func (a *again) live() {
	for process := 1; ; process++ {
		ctx, kill := context.WithCancelCause(a.ctx)
		a.kill, a.doomed = kill, false
		_, a.err = a.service.Run(ctx, a.def, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
			if a.begins(c, process); len(a.attempts) > a.most {
				a.giveUp()
			}
			return a.steps(), nil
		})
		a.ends()
		if !errors.Is(context.Cause(ctx), errKilled) {
			kill(nil)
			return
		}
		a.stop(a.world.t)
		_ = a.host.Close()
		f := a.happens()
		<-time.After(f.down) // virtual time without a process
		a.dead.Store(false)
		a.open()
	}
}

// begins notes that an attempt begins.
func (a *again) begins(c *syncmod.Ceremony, process int) {
	a.ends()
	a.current = c
	a.attempts = append(a.attempts, fmt.Sprintf("process %d, attempt %d", process, c.Status().Attempt))
}

// ends notes how the current attempt has ended.
func (a *again) ends() {
	if a.current == nil {
		return
	}
	status := a.current.Status()
	a.attempts[len(a.attempts)-1] += fmt.Sprintf(" was %s at step %d: %v", status.Phase, status.Step, status.Err)
	a.current = nil
}

// open starts the process: the host, with the same address and key as before, and the
// app on it.
func (a *again) open() {
	a.host = a.world.newHost(a.site, a.key)
	log := harness.Quiet()
	log.SetLevel(logrus.WarnLevel)
	a.app = fx.New(
		fx.NopLogger,
		fx.Supply(log, syncmod.Config{Retry: syncmod.Retry{Attempts: -1}}),
		fx.Provide(func() host.Host { return a.host }),
		syncmod.Module,
		fx.Populate(&a.service),
	)
	if err := a.app.Start(context.Background()); err != nil {
		a.world.t.Errorf("starting member %d: %v", a.site.index, err)
	}
}

// happens removes the next fault, which happens now, and returns it.
func (a *again) happens() fault {
	f := a.faults[0]
	a.faults = a.faults[1:]
	a.struck++
	return f
}

// steps returns the steps of an attempt.
func (a *again) steps() []syncmod.Step {
	if f, some := a.next(); some && f.where == connecting {
		a.end(f)
	}
	plan := make([]syncmod.Step, steps)
	for k := range plan {
		plan[k] = syncmod.Step{Name: fmt.Sprintf("step %d", k+1), Run: func(ctx context.Context) error {
			return a.step(ctx, k+1)
		}}
	}
	return plan
}

// next returns the next fault, unless the process is already ending.
func (a *again) next() (f fault, some bool) {
	if a.doomed || len(a.faults) == 0 {
		return fault{}, false
	}
	return a.faults[0], true
}

// step does the work of a step. The next fault may happen in it, or at the barrier that
// follows it.
func (a *again) step(ctx context.Context, k int) error {
	f, some := a.next()
	here := some && f.step == k
	switch {
	case a.doomed:
		<-ctx.Done()
	case here && f.where == inStep && f.fails:
		pause(ctx, f.delay)
		if ctx.Err() == nil {
			a.happens()
			return errFault
		}
	case here && f.where == inStep:
		a.end(f)
		<-ctx.Done()
	default:
		pause(ctx, workFor(a.random))
		if here && ctx.Err() == nil {
			a.end(f)
		}
	}
	return context.Cause(ctx)
}

// end ends the process a little later.
func (a *again) end(f fault) {
	a.doomed = true
	kill := a.kill
	time.AfterFunc(f.delay, func() {
		a.dead.Store(f.silent)
		kill(errKilled)
	})
}

func pause(ctx context.Context, lasts time.Duration) {
	select {
	case <-time.After(lasts):
	case <-ctx.Done():
	}
}
