package syncmod

import (
	"context"
	"errors"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// RunAttempts takes part in the ceremony of the graph's [Definition] in the background, from the start of
// the app to its stop. It does what [Service.Run] does, in as many attempts as [Config].Retry allows. The
// constructor is any function that fx can call. It returns a func(*Ceremony) ([]Step, error), and
// optionally an error. fx calls the constructor once. The function that it returns is called for the steps
// of each attempt.
//
// The first attempt begins when the app starts. The start fails if the definition cannot be opened. A panic
// of a step, or of the function that makes the steps, fails its attempt.
//
// Each attempt has its own *[Ceremony], so there is none to inject. RunAttempts fails fx.New if something
// in the graph asks for a *[Ceremony], or if the graph also has a [RunSteps]. In all other ways it works
// like RunSteps.
func RunAttempts(constructor any) fx.Option {
	if constructor == nil {
		return fx.Error(invalid("RunAttempts", "the constructor is nil"))
	}
	return fx.Options(
		fx.Supply(&noSingleCeremony{}),
		inBackground(
			fx.Provide(constructor, fx.Private),
			fx.Provide(runAttempts),
		),
	)
}

// noSingleCeremony is in a graph that has a RunAttempts.
type noSingleCeremony struct{}

var errNoSingleCeremony = errors.New("something in the graph asks for the *syncmod.Ceremony, but syncmod.RunAttempts " +
	"makes one for each attempt: take it from the function that makes the steps, or use syncmod.RunSteps")

// runAttempts runs attempt after attempt. A hook of the app opens the first attempt, and the start of the
// app fails if that fails.
func runAttempts(s *Service, d Definition, newSteps func(*Ceremony) ([]Step, error)) *onlyOneRun {
	s.app.used = true
	const name = "ceremony attempts"
	var current atomic.Pointer[Ceremony]
	tasks := lifecycle.NewGroup(s.telemetry.Log(), nil)
	return &onlyOneRun{
		start: func(ctx context.Context) error {
			// An attempt may be open: the previous start was undone, or it timed out and fx called no
			// OnStop.
			if c := current.Swap(nil); c != nil {
				if _, err := c.core().leave(ctx); err != nil {
					return err
				}
			}
			r := newAttempts(s, d, func(c *Ceremony) (steps []Step, err error) {
				defer recoverAsError(name, &err)
				steps, err = newSteps(c)
				return withoutPanics(steps), err
			})
			r.opened = current.Store
			if err := r.open(context.Background()); err != nil {
				return err
			}
			tasks.Start()
			return tasks.Go(name, func(ctx context.Context) error {
				_, err := r.goOn(ctx)
				if r.current != nil && errors.Is(err, r.current.Err()) {
					return nil // the failure of a ceremony is reported once, as its end
				}
				return err
			})
		},
		stop: func(ctx context.Context) error {
			var left error
			if c := current.Load(); c != nil {
				left = c.Close(ctx)
			}
			return errors.Join(left, tasks.Stop(ctx))
		},
	}
}
