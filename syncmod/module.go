package syncmod

import (
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// ModuleName is the name that fx events of this module carry.
const ModuleName = "dkgsync"

// Module makes a node able to synchronize. It requires a host.Host and provides
// *[Service], *[Server] and *[Clients], and a *[Ceremony] to whoever asks for one
// in a graph that has a [Definition]: it is opened on start and closed on stop.
//
// Optional, by exactly these types: [Config], *logrus.Logger,
// trace.TracerProvider, metric.MeterProvider.
var Module fx.Option = fx.Module(ModuleName,
	fx.Provide(newValidConfig, fx.Private),
	fx.Provide(New, provideCeremony),
	fx.Invoke(func(*Service) {}),
)

// Configure supplies a Config. A bad one fails fx.New before any constructor
// runs.
func Configure(c Config) fx.Option {
	if err := c.Validate(); err != nil {
		return fx.Error(err)
	}
	return fx.Supply(c)
}

// validConfig is a Config that has been checked: a field of Params, and the
// first, so that a bad one fails before a host is made for it.
type validConfig struct{ Config }

type configParams struct {
	fx.In
	Config Config `optional:"true"`
}

func newValidConfig(p configParams) (validConfig, error) {
	return validConfig{p.Config}, p.Config.Validate()
}

// Params is what New takes from the graph.
type Params struct {
	fx.In

	Valid      validConfig `optional:"true"`
	Config     Config      `optional:"true"`
	Host       host.Host
	Lifecycle  fx.Lifecycle
	Shutdowner fx.Shutdowner        `optional:"true"` // with Config.ShutdownOnFailure and ShutdownOnComplete
	Logger     *logrus.Logger       `optional:"true"`
	Tracer     trace.TracerProvider `optional:"true"`
	Meter      metric.MeterProvider `optional:"true"`
}

// Result is what New gives to the graph.
type Result struct {
	fx.Out

	Service *Service
	Server  *Server
	Clients *Clients
}

// New makes the service of a node, with its hooks. [Module] provides with it.
func New(p Params) (Result, error) {
	var opts []Option
	if p.Logger != nil {
		opts = append(opts, WithLogger(p.Logger))
	}
	if p.Tracer != nil {
		opts = append(opts, WithTracerProvider(p.Tracer))
	}
	if p.Meter != nil {
		opts = append(opts, WithMeterProvider(p.Meter))
	}
	s, err := NewService(p.Host, p.Config, opts...)
	if err != nil {
		return Result{}, err
	}
	if p.Shutdowner != nil {
		s.onEnd = shutdownOnEnd(s, lifecycle.NewFailer(p.Shutdowner, p.Logger))
	}
	p.Lifecycle.Append(fx.StartStopHook(s.server.Start, s.server.Stop))
	p.Lifecycle.Append(fx.StartStopHook(s.clients.Start, s.clients.Stop))
	p.Lifecycle.Append(fx.StartStopHook(s.accept, s.closeAll))
	return Result{Service: s, Server: s.server, Clients: s.clients}, nil
}

// shutdownOnEnd stops the app when a ceremony ends, where the Config says so.
func shutdownOnEnd(s *Service, failer *lifecycle.Failer) func(*Ceremony) {
	return func(c *Ceremony) {
		switch err := c.Err(); {
		case errors.Is(err, ErrStopped): // the app is stopping already
		case err != nil && s.cfg.ShutdownOnFailure:
			failer.Fail(err)
		case err == nil && s.cfg.ShutdownOnComplete:
			failer.Complete("the ceremony is complete: stopping")
		}
	}
}

// provideCeremony makes the ceremony of a node that knows it at boot.
func provideCeremony(lc fx.Lifecycle, s *Service, d Definition) (*Ceremony, error) {
	c, err := newCeremony(s, d)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StartStopHook(func(context.Context) error { return c.open() }, c.Close))
	return c, nil
}

// RunSteps runs a whole ceremony in the background, from the start of the app to
// its stop: [Ceremony.Run], with the steps that the constructor makes. The
// constructor is any function that fx can call, and returns []Step or ([]Step,
// error).
//
// Nothing may wait for a ceremony inside an fx.Invoke or an OnStart hook: fx
// starts nothing before all Invokes have returned, and connects nobody before
// all OnStart hooks have.
func RunSteps(constructor any) fx.Option {
	return fx.Module(ModuleName+".steps",
		fx.Provide(constructor, fx.Private),
		fx.Invoke(func(lc fx.Lifecycle, c *Ceremony, steps []Step) {
			tasks := lifecycle.NewGroup(c.svc.telemetry.Log(), c.Abort)
			lc.Append(fx.StartStopHook(
				func() error {
					tasks.Start()
					return tasks.Go("ceremony steps", func(ctx context.Context) error {
						if err := c.Run(ctx, steps...); err != nil && c.Err() == nil {
							return err
						}
						return nil // a ceremony's failure is reported as its end, once
					})
				},
				func(ctx context.Context) error {
					return errors.Join(c.Close(ctx), tasks.Stop(ctx))
				},
			))
		}),
	)
}
