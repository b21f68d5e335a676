package syncmod

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/libp2p/go-libp2p/core/host"
	"go.uber.org/fx"
)

// This file checks what a graph contains.

// given is a T of the graph, if the graph has one.
type given[T any] struct {
	value    T
	provided bool
	err      error // why it cannot be made
	// undecorated says that a decorator is the reason. dig does not call the decorator
	// again: whatever asks for a T next gets the undecorated value, and no error.
	undecorated bool
}

// provideGiven provides a given[T]. An optional T alone does not show which of two
// cases it is: nothing provides a T, or there is a constructor of T that fx cannot
// call because a dependency is missing. Before fx makes the parameters of a function,
// it checks that all of them are provided. It then makes them from left to right. The
// constructor of a *made has two parameters, of the types looked and T, in this order.
// So fx makes the value of type looked only if a T is provided.
func provideGiven[T any]() fx.Option {
	type look struct{ provided bool }
	type looked struct{}
	type made struct{ value T }
	type madeNext struct{}
	type params struct {
		fx.In
		Look *look
		Made *made     `optional:"true"`
		Next *madeNext `optional:"true"` // after Made
	}
	private := fx.Provide(
		func() *look { return new(look) },
		func(l *look) looked {
			l.provided = true
			return looked{}
		},
		func(_ looked, value T) *made { return &made{value} },
		func(T) *madeNext { return new(madeNext) },
		fx.Private,
	)
	return fx.Options(private, fx.Provide(func(p params) given[T] {
		g := given[T]{provided: p.Look.provided}
		switch {
		case p.Made != nil:
			g.value = p.Made.value
		case g.provided:
			who := "its constructor"
			if p.Next != nil {
				who, g.undecorated = "an fx.Decorate of this type", true
			}
			g.err = fmt.Errorf("the graph has a %s that cannot be made: "+
				"something is missing that %s needs", reflect.TypeFor[T](), who)
		}
		return g
	}))
}

// validConfig is a Config that has been checked. fx makes it before the host, so that
// no host is made for an invalid Config.
type validConfig struct{ Config }

type configParams struct {
	fx.In
	Config  given[Config]
	Pointer *Config `optional:"true"`
}

func newValidConfig(p configParams) (validConfig, error) {
	if p.Config.err != nil {
		return validConfig{}, p.Config.err
	}
	if p.Pointer != nil && !p.Config.provided {
		return validConfig{}, pointer("Config")
	}
	return validConfig{p.Config.value}, p.Config.value.Validate()
}

// pointer is the error for a graph that has a pointer to a type instead of the type.
func pointer(of string) error {
	return invalid(of, "the graph has a *syncmod.%s, which is ignored: supply the %[1]s itself", of)
}

// ifHost is what the graph of a ModuleIfHost has. If there is no host, nothing that
// needs one is made.
type ifHost struct {
	fx.In
	Service    *Service `optional:"true"` // first: it checks its Config before the host is made
	Host       given[host.Host]
	Definition *checkedDefinition `optional:"true"`
}

func checkIfHost(in ifHost) error {
	if in.Host.err != nil {
		return in.Host.err
	}
	if in.Host.provided && (in.Service == nil || in.Definition == nil) {
		return missingWithHost("ModuleIfHost", "it")
	}
	return nil
}

type stepsIn struct {
	fx.In
	Host given[host.Host]
	Run  *onlyOneRun `optional:"true"`
}

// stepsIfHost makes a RunSteps or RunAttempts do nothing if there is no host.
func stepsIfHost(in stepsIn) (*onlyOneRun, error) {
	switch {
	case in.Run != nil:
		return in.Run, nil
	case in.Host.err != nil:
		return nil, in.Host.err
	case in.Host.provided:
		return nil, missingWithHost("RunSteps or RunAttempts", "the constructor of the steps, or of the Definition,")
	}
	return new(onlyOneRun), nil
}

func missingWithHost(of, who string) error {
	return fmt.Errorf("syncmod.%s: the graph has a host, but something else that %s needs is missing: "+
		"replace syncmod.ModuleIfHost with syncmod.Module, and fx will name it", of, who)
}

// checkedDefinition says that the Definition of the graph, if any, has been checked.
// If nothing uses the Definition, nothing else checks it.
type checkedDefinition struct{}

type definitionParams struct {
	fx.In
	Service    *Service // first: without a host, the rest is not made
	Definition given[Definition]
	Pointer    *Definition `optional:"true"`
}

func checkDefinition(p definitionParams) (*checkedDefinition, error) {
	s, d := p.Service, p.Definition
	switch {
	case !d.provided && p.Pointer != nil:
		return nil, pointer("Definition")
	case !d.provided:
	case d.undecorated:
		return nil, d.err
	case d.err != nil: // fx.New fails when something asks for it, and names what is missing
		s.app.definition = d.err.Error()
	default:
		if _, err := d.value.validate(s.host.ID()); err != nil {
			return nil, err
		}
		s.app.supplied, s.app.definition = d.value.Hash, "a syncmod.Definition, "+shortHash(d.value.Hash)
	}
	return new(checkedDefinition), nil
}

// found says which of the optional types the graph has.
func (p *Params) found() string {
	var found []string
	logger := "*logrus.Logger"
	if p.Logger == nil && p.Slog != nil {
		logger = "*slog.Logger"
	}
	for _, o := range []struct {
		what  string
		there bool
	}{
		{"Config", p.Config != Config{}},
		{logger, p.Logger != nil || p.Slog != nil},
		{"trace.TracerProvider", p.Tracer != nil},
		{"metric.MeterProvider", p.Meter != nil},
		{"telemetry.Providers", p.Providers.Tracer != nil || p.Providers.Meter != nil},
		{"*lifecycle.Failer", p.Failer != nil},
	} {
		if o.there {
			found = append(found, o.what)
		}
	}
	text := "found in the graph: " + strings.Join(found, ", ")
	if len(found) == 0 {
		text = "found nothing optional in the graph"
	}
	return text
}
