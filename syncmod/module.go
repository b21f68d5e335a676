package syncmod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/logbridge"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/telemetry"
)

// ModuleName is the name that fx events of this module carry.
const ModuleName = "dkgsync"

// Module makes a node able to synchronize. It requires a host.Host and provides
// *[Service], *[Server] and *[Clients]. In a graph with a [Definition] it also
// provides a *[Ceremony], which it opens on start and closes on stop.
//
// Optional, by exactly these types: [Config], *logrus.Logger or else *slog.Logger,
// trace.TracerProvider, metric.MeterProvider, telemetry.Providers,
// *lifecycle.Failer.
var Module fx.Option = fx.Module(ModuleName,
	fx.Provide(newValidConfig, fx.Private),
	fx.Provide(func(_ validConfig, p Params) (Result, error) { return New(p) }, provideCeremony),
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

// validConfig is a Config that has been checked. fx makes it before the host, so
// that a bad one fails before a host is made for it.
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

	Config     Config `optional:"true"`
	Host       host.Host
	Lifecycle  fx.Lifecycle
	OnEnd      []func(*Ceremony) `group:"dkgsync.on_end"` // see OnEnd
	Shutdowner fx.Shutdowner     `optional:"true"`        // for Config.ShutdownOnFailure and ShutdownOnComplete
	// Failer serves the same purpose. An app has at most one, so that one failure decides.
	Failer    *lifecycle.Failer    `optional:"true"`
	Logger    *logrus.Logger       `optional:"true"`
	Slog      *slog.Logger         `optional:"true"` // where there is no Logger
	Tracer    trace.TracerProvider `optional:"true"`
	Meter     metric.MeterProvider `optional:"true"`
	Providers telemetry.Providers  `optional:"true"` // where the program has no Tracer and no Meter of its own
}

// Result is what New gives to the graph.
type Result struct {
	fx.Out

	Service *Service
	Server  *Server
	Clients *Clients
}

// New makes the service of a node and appends its hooks to the lifecycle. [Module]
// has it as a constructor.
func New(p Params) (Result, error) {
	var opts []Option
	log := logbridge.Either(p.Logger, p.Slog)
	opts = append(opts, WithLogger(log))
	if tracer := cmp.Or(p.Tracer, p.Providers.Tracer); tracer != nil {
		opts = append(opts, WithTracerProvider(tracer))
	}
	if meter := cmp.Or(p.Meter, p.Providers.Meter); meter != nil {
		opts = append(opts, WithMeterProvider(meter))
	}
	s, err := NewService(p.Host, p.Config, opts...)
	if err != nil {
		return Result{}, err
	}
	if p.Failer == nil && p.Shutdowner != nil {
		p.Failer = lifecycle.NewFailer(p.Shutdowner, log)
	}
	if p.Failer != nil {
		s.onEnd = append(s.onEnd, shutdownOnEnd(s, p.Failer))
	}
	s.onEnd = append(s.onEnd, p.OnEnd...)
	p.Lifecycle.Append(fx.StartStopHook(s.server.Start, s.server.Stop))
	p.Lifecycle.Append(fx.StartStopHook(s.clients.Start, s.clients.Stop))
	p.Lifecycle.Append(fx.StartStopHook(s.accept, s.closeAll))
	return Result{Service: s, Server: s.server, Clients: s.clients}, nil
}

// shutdownOnEnd stops the app when a ceremony ends, if the Config says so. It does
// not log why the ceremony failed: the report of the end does.
func shutdownOnEnd(s *Service, failer *lifecycle.Failer) func(*Ceremony) {
	return func(c *Ceremony) {
		err := c.Err()
		panicked, isPanic := errors.AsType[*lifecycle.PanicError](err)
		switch {
		case c.core.isStopped(): // the app is stopping already
		case err != nil && s.cfg.ShutdownOnFailure:
			text := fmt.Sprintf("the ceremony of definition %s has failed", shortHash(c.core.def.Hash))
			failer.Fail(&shownError{text: text, err: err})
		case isPanic:
			s.telemetry.Panicked(time.Now(), panicked.Task, panicked.Value, panicked.Stack)
		case err == nil && s.cfg.ShutdownOnComplete:
			failer.Complete("the ceremony is complete: stopping")
		}
	}
}

// OnEnd calls a function once for each ceremony that has completed or failed, on
// a goroutine of its own. [Ceremony.Err] tells which. A panic of the function is
// logged. [Ceremony.Close] and the stop of the app wait for it, at most 500 ms.
func OnEnd(f func(*Ceremony)) fx.Option {
	if f == nil {
		return fx.Error(invalid("OnEnd", "the function is nil"))
	}
	return fx.Provide(fx.Annotate(func() func(*Ceremony) { return f }, fx.ResultTags(`group:"dkgsync.on_end"`)))
}

// provideCeremony makes the ceremony of a node that knows it at boot.
func provideCeremony(lc fx.Lifecycle, s *Service, d Definition) (*Ceremony, error) {
	c, err := newCeremony(s, d)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StartStopHook(c.open, c.Close))
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
	if constructor == nil {
		return fx.Error(invalid("RunSteps", "the constructor is nil"))
	}
	return fx.Module(ModuleName+".steps",
		fx.Provide(constructor, fx.Private),
		fx.Provide(func() onlyOneRunSteps { return onlyOneRunSteps{} }), // a second one fails fx.New
		fx.Invoke(func(lc fx.Lifecycle, c *Ceremony, steps []Step) {
			tasks := lifecycle.NewGroup(c.svc.telemetry.Log(), c.Abort)
			lc.Append(fx.StartStopHook(
				func() error {
					tasks.Start()
					return tasks.Go("ceremony steps", func(ctx context.Context) error {
						if err := c.Run(ctx, withoutPanics(steps)...); err != nil && c.Err() == nil {
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

// onlyOneRunSteps is in a graph with RunSteps: one run of a ceremony has one list
// of steps.
type onlyOneRunSteps struct{}

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
