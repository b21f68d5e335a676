package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Group runs background tasks that go on after their component has started and end when it stops. Make one with
// [NewGroup]. Its methods are safe for concurrent use.
type Group struct {
	log       *logrus.Logger
	onFailure func(error)

	mu    sync.Mutex
	run   *run    // the current run, or the last one
	tasks []*task // the running tasks, also those of earlier runs, in the order in which they were started
}

// run lasts from a Start to the next Stop.
type run struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	failed bool // guarded by Group.mu
}

type task struct {
	name string
	run  *run
	done chan struct{}
}

// NewGroup returns a group that is not running yet.
//
// After each Start, the group passes the first failure of a task to onFailure. It calls onFailure on the goroutine of
// that task, before the task counts as ended. So onFailure must not wait for [Group.Stop], which waits for the task.
// onFailure should log the failure. If onFailure is nil, the group logs it. The group logs all later failures itself.
// It logs after the task has ended, so Stop does not wait for the log. The other tasks go on until Stop. If log is nil,
// the group uses logrus's standard logger.
func NewGroup(log *logrus.Logger, onFailure func(error)) *Group {
	g := &Group{log: orStandard(log), onFailure: onFailure, run: newRun()}
	g.run.cancel(ErrStopped)
	return g
}

func newRun() *run {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &run{ctx: ctx, cancel: cancel}
}

// Start makes a run context and lets the group accept tasks. It does nothing while the group is running. After Stop it
// starts a new run.
func (g *Group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run.ctx.Err() != nil {
		g.run = newRun()
	}
}

// Context returns the run context. It is cancelled when Stop begins. Before the first Start it is cancelled too.
func (g *Group) Context() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.run.ctx
}

// Go runs work on a new goroutine with the run context, and does not wait for it. The name appears in logs and errors.
// Before Start, and once Stop has begun, Go returns [ErrStopped] and does not run work.
func (g *Group) Go(name string, work func(context.Context) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run.ctx.Err() != nil {
		return fmt.Errorf("starting task %q: %w", name, ErrStopped)
	}
	t := &task{name: name, run: g.run, done: make(chan struct{})}
	g.tasks = append(g.tasks, t)
	go g.supervise(t, work)
	return nil
}

// Stop cancels the run context and waits for all tasks. It gives up when ctx ends. If ctx has a deadline, it gives up
// earlier, by a tenth of the remaining time but at most a second; the package comment says why. When it gives up, it
// returns a [*StopError]. The tasks that the error names keep running, and another Stop waits for them again.
//
// Stop may be called at any time and by several goroutines at once. A task must not call it, because Stop would wait
// for that task. Every 5 s Stop logs which tasks it is still waiting for, since an application may have hours to stop.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	g.run.cancel(ErrStopped)
	tasks := slices.Clone(g.tasks)
	g.mu.Unlock()

	ctx, cancel := leaveTime(ctx)
	defer cancel()
	defer g.noteWaiting(tasks)()
	for i, t := range tasks {
		select {
		case <-t.done:
		case <-ctx.Done():
			if late := namesOfRunning(tasks[i:]); len(late) > 0 {
				return &StopError{Tasks: late, Err: ctx.Err()}
			}
			return nil
		}
	}
	return nil
}

// stopNotice is how often Stop logs the tasks that it is waiting for.
const stopNotice = 5 * time.Second

// noteWaiting logs which tasks hold up a Stop, until over is called. It logs on a goroutine of its own, so that Stop
// does not wait for the log.
func (g *Group) noteWaiting(tasks []*task) (over func()) {
	done := make(chan struct{})
	go func() {
		began, again := time.Now(), time.NewTicker(stopNotice)
		defer again.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-again.C:
				late := namesOfRunning(tasks)
				if len(late) == 0 {
					return // done is about to be closed, or was closed while the log was slow
				}
				safely(func() {
					g.log.Warnf("still stopping after %s: waiting for %s",
						now.Sub(began).Round(time.Second), strings.Join(late, ", "))
				})
			}
		}
	}()
	return func() { close(done) }
}

// leaveTime returns a context that ends a little before ctx's deadline, so that some time is left after a Stop that
// gives up.
func leaveTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/10, time.Second)))
}

func namesOfRunning(tasks []*task) []string {
	var names []string
	for _, t := range tasks {
		select {
		case <-t.done:
		default:
			names = append(names, t.name)
		}
	}
	return names
}

// supervise runs a task. It removes the task before it logs, so that Stop does not wait for the log.
func (g *Group) supervise(t *task, work func(context.Context) error) {
	unreported := func() {} // logs a failure that was not passed to onFailure
	defer func() { safely(unreported) }()
	defer g.remove(t)
	err := errExited // unless work returns or panics
	defer func() {
		failure := failureOf(t, err)
		if value := recover(); value != nil {
			// A panic is always a failure, even with the context's error as its value.
			failure = &PanicError{Task: t.name, Value: value, Stack: debug.Stack()}
		}
		if failure != nil {
			unreported = g.fail(t.run, failure)
		}
	}()
	err = work(t.run.ctx)
}

func (g *Group) remove(t *task) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tasks = slices.DeleteFunc(g.tasks, func(other *task) bool { return other == t })
	close(t.done)
}

// failureOf returns the failure of a task that returned err, or nil if it ended well.
func failureOf(t *task, err error) error {
	stopped := t.run.ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ErrStopped))
	if err == nil || stopped {
		return nil
	}
	return fmt.Errorf("task %q: %w", t.name, err)
}

// fail passes the first failure of a run to onFailure. The function that it returns logs any other failure.
func (g *Group) fail(r *run, err error) (unreported func()) {
	g.mu.Lock()
	first := !r.failed
	r.failed = true
	g.mu.Unlock()
	switch {
	case !first:
		return func() { logLaterFailure(g.log, err) }
	case g.onFailure == nil:
		return func() { logFailure(g.log, logrus.ErrorLevel, err, "a background task failed") }
	}
	g.onFailure(err)
	return func() {}
}
