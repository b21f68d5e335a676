package syncmod

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
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

// ModuleName is the name of this module in fx events.
const ModuleName = "dkgsync"

// Module makes a node able to synchronize. It requires a host.Host and provides
// *[Service], *[Server] and *[Clients]. In a graph with a [Definition] it also provides a
// *[Ceremony], which it opens on start and closes on stop.
//
// These types are optional: [Config], *logrus.Logger or else *slog.Logger,
// trace.TracerProvider, metric.MeterProvider, telemetry.Providers, and *lifecycle.Failer.
// They must have exactly these types in the graph. At start, a line in the log says which
// of them were found.
//
// The position of the option among the node's own options decides when the host is made
// and when the hooks are appended. A hook that is appended earlier starts earlier and
// stops later. If Module is inside an fx.Module of the program, it comes before every
// Invoke outside of fx.Modules, like everything in that fx.Module.
var Module fx.Option = fx.Options(
	provided,
	fx.Invoke(func(*Service, *checkedDefinition) {}),
)

// ModuleIfHost is [Module] for a program in which some graphs have no host, such as one
// with commands that work offline. In a graph without a host.Host it does nothing, and the
// constructors of the Definition and of the steps of a [RunSteps] are not called. If
// anything else is missing, fx.New fails, as with Module. The error may not say what is
// missing: to see that, replace ModuleIfHost with Module.
var ModuleIfHost fx.Option = fx.Options(
	provided,
	fx.Decorate(stepsIfHost),
	fx.Invoke(checkIfHost),
)

// provided is what both options have in common. It has no Invoke: fx would call an Invoke
// in here before those of the root, no matter where the module stands among the options.
var provided = fx.Module(ModuleName,
	fx.Provide(func() *onlyOneOfModuleAndModuleIfHost { return nil }), // a second one fails fx.New
	provideGiven[host.Host](),
	provideGiven[Config](),
	provideGiven[Definition](),
	fx.Provide(newValidConfig, fx.Private),
	fx.Provide(func(_ validConfig, p Params) (Result, error) { return New(p) }, checkDefinition, provideCeremony),
)

// onlyOneOfModuleAndModuleIfHost is in a graph that has one of the two.
type onlyOneOfModuleAndModuleIfHost struct{}

// Configure supplies a Config. An invalid Config fails fx.New before any constructor runs.
func Configure(c Config) fx.Option {
	if err := c.Validate(); err != nil {
		return fx.Error(err)
	}
	return fx.Supply(c)
}

// Params is what New takes from the graph.
type Params struct {
	fx.In

	Config     Config            `optional:"true"` // the default is the zero Config
	Host       host.Host         // the host to use
	Lifecycle  fx.Lifecycle      // the lifecycle to append the hooks to
	OnEnd      []func(*Ceremony) `group:"dkgsync.on_end"` // see OnEnd
	Shutdowner fx.Shutdowner     `optional:"true"`        // for Config.ShutdownOnFailure and ShutdownOnComplete
	// Failer is used in place of Shutdowner. An app has at most one Failer, so that only the
	// first failure decides the exit code.
	Failer    *lifecycle.Failer    `optional:"true"`
	Logger    *logrus.Logger       `optional:"true"` // the default is logrus's standard logger
	Slog      *slog.Logger         `optional:"true"` // used if there is no Logger
	Tracer    trace.TracerProvider `optional:"true"` // the default is the provider in Providers
	Meter     metric.MeterProvider `optional:"true"` // the default is the provider in Providers
	Providers telemetry.Providers  `optional:"true"` // the default is the OpenTelemetry globals
}

// Result is what New adds to the graph.
type Result struct {
	fx.Out

	Service *Service // the service of the node
	Server  *Server  // its inbound half
	Clients *Clients // its outbound half
}

// New makes the service of a node and appends its hooks to the lifecycle. It is a
// constructor in [Module].
func New(p Params) (Result, error) {
	found := p.found()
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
	s.app.found = found
	if p.Failer == nil && p.Shutdowner != nil {
		p.Failer = lifecycle.NewFailer(p.Shutdowner, log)
	}
	if p.Failer != nil {
		s.onEnd = append(s.onEnd, shutdownOnEnd(s, p.Failer))
	}
	s.onEnd = append(s.onEnd, p.OnEnd...)
	p.Lifecycle.Append(fx.StartStopHook(s.server.Start, s.server.Stop))
	p.Lifecycle.Append(fx.StartStopHook(s.clients.Start, s.clients.Stop))
	p.Lifecycle.Append(fx.StartStopHook(s.acceptWithApp, s.closeAll))
	return Result{Service: s, Server: s.server, Clients: s.clients}, nil
}

// shutdownOnEnd asks the app to stop when a ceremony ends, if the Config says so. It does
// not log why the ceremony failed: the report of the end does that.
func shutdownOnEnd(s *Service, failer *lifecycle.Failer) func(*Ceremony) {
	return func(owner *Ceremony) {
		c := owner.core()
		err := c.failure()
		panicked, isPanic := errors.AsType[*lifecycle.PanicError](err)
		switch {
		case c.isStopped(): // the app is already stopping
		case err != nil && s.cfg.ShutdownOnFailure:
			text := fmt.Sprintf("the ceremony of definition %s has failed", shortHash(c.def.Hash))
			failer.Fail(&shownError{text: text, err: err})
		case isPanic:
			s.telemetry.Panicked(time.Now(), panicked.Task, panicked.Value, panicked.Stack)
		case err == nil && s.cfg.ShutdownOnComplete:
			failer.Complete("the ceremony is complete: asking the app to stop")
		}
	}
}

// OnEnd calls a function once for each ceremony that has completed or failed. The function
// runs on a separate goroutine, and can ask [Ceremony.Err] how the ceremony ended. A panic
// of the function is logged. [Ceremony.Close] and the stop of the app wait for the
// function for at most 500 ms.
//
// OnEnd works in every program, even if nothing listens to fx.Shutdowner (see
// [Config].ShutdownOnFailure).
func OnEnd(f func(*Ceremony)) fx.Option {
	if f == nil {
		return fx.Error(invalid("OnEnd", "the function is nil"))
	}
	return fx.Provide(fx.Annotate(func() func(*Ceremony) { return f }, fx.ResultTags(`group:"dkgsync.on_end"`)))
}

type ceremonyIn struct {
	fx.In

	Lifecycle  fx.Lifecycle
	Service    *Service
	Definition Definition
	None       *noSingleCeremony `optional:"true"`
}

// provideCeremony makes the ceremony of a node that knows its ceremony when it starts.
func provideCeremony(in ceremonyIn) (*Ceremony, error) {
	if in.None != nil {
		return nil, errNoSingleCeremony
	}
	lc, s, d := in.Lifecycle, in.Service, in.Definition
	c, err := newCeremony(s, d, attempt{}, openOptions{})
	if err != nil {
		return nil, err
	}
	s.app.used = true
	lc.Append(fx.StartStopHook(c.openWithApp, c.Close))
	return c, nil
}
