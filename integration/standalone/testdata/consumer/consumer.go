// Package consumer is somebody else's program that uses the module.
package consumer

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/syncmod"
)

// Run takes part in a ceremony. It returns when the ceremony is over.
func Run(
	ctx context.Context, h host.Host, definition syncmod.Definition, log *logrus.Logger,
	work ...func(context.Context) error,
) error {
	var ceremony *syncmod.Ceremony
	app := fx.New(
		dkgsync.Module,
		fx.Provide(func() host.Host { return h }),
		fx.Supply(definition, log),
		syncmod.Configure(syncmod.Config{Nickname: "somebody else"}),
		syncmod.RunSteps(func() []syncmod.Step {
			var steps []syncmod.Step
			for _, run := range work {
				steps = append(steps, syncmod.Step{Run: run})
			}
			return steps
		}),
		fx.Populate(&ceremony),
	)
	if err := app.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ceremony.Done():
	case <-ctx.Done():
	}
	if err := app.Stop(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return ceremony.Err()
}
