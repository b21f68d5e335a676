package syncmod

import (
	"context"
	"errors"
	"runtime/debug"

	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// RunSteps runs a whole ceremony in the background, from the start of the app to
// its stop: [Ceremony.Run], with the steps that the constructor makes. The
// constructor is any function that fx can call, and returns []Step or ([]Step,
// error). It is called once: an app that is started again runs the same steps again.
//
// Nothing may wait for a ceremony inside an fx.Invoke or an OnStart hook: fx
// starts nothing before all Invokes have returned, and the start of an app must not
// wait for other nodes.
//
// The steps start and stop where the option stands among the node's own, as
// [Module] does: after what is before it has started, and before that stops. Beside
// [ModuleIfHost], in a graph without a host, nothing happens.
func RunSteps(constructor any) fx.Option {
	if constructor == nil {
		return fx.Error(invalid("RunSteps", "the constructor is nil"))
	}
	return inBackground(
		fx.Provide(constructor, fx.Private),
		fx.Provide(runSteps),
	)
}

// inBackground runs what a private constructor makes.
func inBackground(private ...fx.Option) fx.Option {
	return fx.Options(
		fx.Module(ModuleName+".steps", private...),
		fx.Invoke(func(lc fx.Lifecycle, r *onlyOneRun) {
			if r.start != nil {
				lc.Append(fx.StartStopHook(r.Start, r.Stop))
			}
		}),
	)
}

// onlyOneRun brings what a RunSteps or a RunAttempts makes, which is private to it,
// to its Invoke at the root. A second one fails fx.New: an app runs one ceremony in
// the background, by one list of steps.
type onlyOneRun struct {
	start func(context.Context) error // nil: there is no host
	stop  func(context.Context) error
}

// Start is a hook: fx events show its name.
func (r *onlyOneRun) Start(ctx context.Context) error { return r.start(ctx) }

// Stop is the hook that ends it.
func (r *onlyOneRun) Stop(ctx context.Context) error { return r.stop(ctx) }

// runSteps runs one attempt.
func runSteps(c *Ceremony, steps []Step) *onlyOneRun {
	tasks := lifecycle.NewGroup(c.core().svc.telemetry.Log(), c.Abort)
	return &onlyOneRun{
		start: func(context.Context) error {
			tasks.Start()
			run := c.core() // not the one of a later start
			return tasks.Go("ceremony steps", func(ctx context.Context) error {
				if err := run.run(ctx, withoutPanics(steps)); err != nil && run.failure() == nil {
					return err
				}
				return nil // a ceremony's failure is reported as its end, once
			})
		},
		stop: func(ctx context.Context) error { return errors.Join(c.Close(ctx), tasks.Stop(ctx)) },
	}
}

// withoutPanics makes the panic of a step its error: it fails the ceremony, by the
// step's name, and not the process.
func withoutPanics(steps []Step) []Step {
	safe := make([]Step, len(steps))
	for i, step := range steps {
		safe[i] = step
		if step.Run == nil {
			continue
		}
		safe[i].Run = func(ctx context.Context) (err error) {
			defer recoverAsError(step.Name, &err)
			return step.Run(ctx)
		}
	}
	return safe
}

// recoverAsError is to be deferred: it makes a panic the error that is returned.
func recoverAsError(task string, err *error) {
	if value := recover(); value != nil {
		*err = &lifecycle.PanicError{Task: task, Value: value, Stack: debug.Stack()}
	}
}
