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

// Group runs background tasks that outlive the start of their component and end with its stop. Make one with
// [NewGroup]. Its methods are safe for concurrent use.
type Group struct {
	log       *logrus.Logger
	onFailure func(error)

	mu    sync.Mutex
	run   *run    // the current run, or the last one
	tasks []*task // those that have not ended, of earlier runs too, in the order of their start
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
// The first failure of a task after each Start is passed to onFailure, on the goroutine of that task, before the task
// counts as ended: onFailure must not wait for [Group.Stop], which waits for the task. onFailure is expected to log the
// failure; if it is nil, the group does. The group logs that failure, and all later ones, after the task has ended:
// Stop does not wait for the log. The other tasks go on until Stop. Without a logger, logrus's standard logger is used.
func NewGroup(log *logrus.Logger, onFailure func(error)) *Group {
	g := &Group{log: orStandard(log), onFailure: onFailure, run: newRun()}
	g.run.cancel(ErrStopped)
	return g
}

func newRun() *run {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &run{ctx: ctx, cancel: cancel}
}

// Start makes the run context, and the group accepts tasks from now on. It does nothing while the group is running, and
// starts a new run after Stop.
func (g *Group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run.ctx.Err() != nil {
		g.run = newRun()
	}
}

// Context returns the run context: cancelled when Stop begins, and before the first Start.
func (g *Group) Context() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.run.ctx
}

// Go runs work on a goroutine of its own, with the run context. People will read the name. Go does not wait for the
// task. Before Start and once Stop has begun it returns [ErrStopped] and does not run work.
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

// Stop cancels the run context and waits for the tasks that were started before, until ctx ends or, if it has a
// deadline, a tenth of the remaining time (at most a second) before that: see the package comment. It then returns a
// [*StopError], and the tasks that it names run on; another Stop goes on waiting for them. Stop may be called at any
// time, from several goroutines too, but not by a task, which it would wait for. Every 5 s it logs which tasks it still
// waits for: an application may have hours to stop.
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

// stopNotice is how often Stop says which tasks it waits for.
const stopNotice = 5 * time.Second

// noteWaiting logs which tasks hold up a Stop, until that is over. It has a goroutine of its own: Stop does not wait
// for the log.
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
					return // done is about to be closed, or was while the log was slow
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

// leaveTime returns a context that ends a little before ctx's deadline, so that some time is left after a Stop that has
// to give up.
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
	unreported := func() {} // logs what onFailure has not been told
	defer func() { safely(unreported) }()
	defer g.remove(t)
	err := errExited // unless work returns or panics
	defer func() {
		failure := failureOf(t, err)
		if value := recover(); value != nil {
			// A failure whatever the value is, the context's error included.
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

// fail passes the first failure of a run to onFailure. It returns what remains to be logged.
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
