package syncmod

import (
	"context"
	"errors"
	"runtime/debug"

	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// RunSteps runs a whole ceremony in the background, from the start of the app to its
// stop. It calls [Ceremony.Run] with the steps that the constructor makes. The
// constructor is any function that fx can call. It returns []Step or ([]Step,
// error). fx calls it once: an app that is started again runs the same steps again.
//
// Nothing may wait for a ceremony inside an fx.Invoke or an OnStart hook. fx starts
// nothing before all Invokes have returned, and the start of an app must not wait
// for other nodes.
//
// As with [Module], the position of the option decides when the steps start and
// stop. They start after everything that comes before the option, and stop before any
// of that stops. With [ModuleIfHost], in a graph without a host, RunSteps does
// nothing.
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

// onlyOneRun is what a RunSteps or a RunAttempts makes. The Invoke of the same
// option, at the root, takes it from the graph. The constructors are private. A
// second onlyOneRun fails fx.New: an app runs one ceremony in the background, with
// one list of steps.
type onlyOneRun struct {
	start func(context.Context) error // nil: there is no host
	stop  func(context.Context) error
}

// Start is the hook that begins the run. It is a method, so that fx events show its
// name.
func (r *onlyOneRun) Start(ctx context.Context) error { return r.start(ctx) }

// Stop is the hook that ends the run.
func (r *onlyOneRun) Stop(ctx context.Context) error { return r.stop(ctx) }

// runSteps runs one attempt.
func runSteps(c *Ceremony, steps []Step) *onlyOneRun {
	tasks := lifecycle.NewGroup(c.core().svc.telemetry.Log(), c.Abort)
	return &onlyOneRun{
		start: func(context.Context) error {
			tasks.Start()
			run := c.core() // this run, not the run of a later start
			return tasks.Go("ceremony steps", func(ctx context.Context) error {
				if err := run.run(ctx, withoutPanics(steps)); err != nil && run.failure() == nil {
					return err
				}
				return nil // the failure of a ceremony is reported once, as its end
			})
		},
		stop: func(ctx context.Context) error { return errors.Join(c.Close(ctx), tasks.Stop(ctx)) },
	}
}

// withoutPanics turns the panic of a step into an error. The error fails the
// ceremony, names the step, and does not end the process.
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

// recoverAsError must be deferred. It turns a panic into the returned error.
func recoverAsError(task string, err *error) {
	if value := recover(); value != nil {
		*err = &lifecycle.PanicError{Task: task, Value: value, Stack: debug.Stack()}
	}
}
