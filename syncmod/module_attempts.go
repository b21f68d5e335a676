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

var errNoSingleCeremony = errors.New("something in the graph asks for the *syncmod.Ceremony, and syncmod.RunAttempts " +
	"makes one for each attempt: take it from the function that makes the steps, or use syncmod.RunSteps")

// runAttempts runs attempt after attempt.
func runAttempts(s *Service, d Definition, newSteps func(*Ceremony) ([]Step, error)) *onlyOneRun {
	s.app.used = true
	var current atomic.Pointer[Ceremony]
	tasks := lifecycle.NewGroup(s.telemetry.Log(), func(err error) {
		if c := current.Load(); c != nil {
			c.Abort(err)
		}
	})
	return &onlyOneRun{
		start: func() error {
			tasks.Start()
			return tasks.Go("ceremony attempts", func(ctx context.Context) error {
				r := newAttempts(s, d, func(c *Ceremony) ([]Step, error) {
					steps, err := newSteps(c)
					return withoutPanics(steps), err
				})
				r.opened = func(c *Ceremony) { current.Store(c) }
				_, err := r.run(ctx)
				if c := current.Load(); err != nil && (c == nil || c.Err() == nil) {
					return err
				}
				return nil // a ceremony's failure is reported as its end, once
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
