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
// starts nothing before all Invokes have returned, and connects nobody before
// all OnStart hooks have.
//
// The steps start and stop where the option stands among the node's own, as
// [Module] does: after what is before it has started, and before that stops. Beside
// [ModuleIfHost], in a graph without a host, nothing happens.
func RunSteps(constructor any) fx.Option {
	if constructor == nil {
		return fx.Error(invalid("RunSteps", "the constructor is nil"))
	}
	return fx.Options(
		fx.Module(ModuleName+".steps",
			fx.Provide(constructor, fx.Private),
			fx.Provide(func(c *Ceremony, steps []Step) *onlyOneRunSteps { return &onlyOneRunSteps{c, steps} }),
		),
		fx.Invoke(func(lc fx.Lifecycle, r *onlyOneRunSteps) { r.append(lc) }),
	)
}

// onlyOneRunSteps brings the steps of a RunSteps, which are private to it, to its
// Invoke at the root. A second one fails fx.New: one run of a ceremony has one list
// of steps.
type onlyOneRunSteps struct {
	ceremony *Ceremony // nil: there is no host
	steps    []Step
}

// append appends the hooks that run the steps.
func (r *onlyOneRunSteps) append(lc fx.Lifecycle) {
	c := r.ceremony
	if c == nil {
		return
	}
	tasks := lifecycle.NewGroup(c.core().svc.telemetry.Log(), c.Abort)
	lc.Append(fx.StartStopHook(
		func() error {
			tasks.Start()
			run := c.core() // not the one of a later start
			return tasks.Go("ceremony steps", func(ctx context.Context) error {
				if err := run.run(ctx, withoutPanics(r.steps)); err != nil && run.failure() == nil {
					return err
				}
				return nil // a ceremony's failure is reported as its end, once
			})
		},
		func(ctx context.Context) error {
			return errors.Join(c.Close(ctx), tasks.Stop(ctx))
		},
	))
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
			defer func() {
				if value := recover(); value != nil {
					err = &lifecycle.PanicError{Task: step.Name, Value: value, Stack: debug.Stack()}
				}
			}()
			return step.Run(ctx)
		}
	}
	return safe
}
