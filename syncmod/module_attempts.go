package syncmod

import (
	"context"
	"errors"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// RunAttempts takes part in the ceremony of the graph's [Definition] in the
// background, from the start of the app to its stop: [Service.Run], in as many
// attempts as [Config].Retry allows. The constructor is any function that fx can
// call, and returns a func(*Ceremony) ([]Step, error), or that and an error: fx calls
// it once, and [Service.Run] calls the function for the steps of each attempt.
//
// The first attempt begins with the start of the app, which fails if the definition
// cannot be opened. A panic of the function that makes the steps, or of a step, fails
// its attempt.
//
// Each attempt is a ceremony of its own. So there is no *[Ceremony] to inject: beside
// something that asks for one, and beside a [RunSteps], it fails fx.New. Everything
// else is as with RunSteps.
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

// noSingleCeremony is in a graph with a RunAttempts.
type noSingleCeremony struct{}

var errNoSingleCeremony = errors.New("something in the graph asks for the *syncmod.Ceremony, but syncmod.RunAttempts " +
	"makes one for each attempt: take it from the function that makes the steps, or use syncmod.RunSteps")

// runAttempts runs attempt after attempt. The first one is opened as a hook of the app,
// whose start fails if that fails.
func runAttempts(s *Service, d Definition, newSteps func(*Ceremony) ([]Step, error)) *onlyOneRun {
	s.app.used = true
	const name = "ceremony attempts"
	var current atomic.Pointer[Ceremony]
	tasks := lifecycle.NewGroup(s.telemetry.Log(), nil)
	return &onlyOneRun{
		start: func(ctx context.Context) error {
			// It may be open: the start before was undone, or it timed out, after which fx calls no OnStop.
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
					return nil // a ceremony's failure is reported as its end, once
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
