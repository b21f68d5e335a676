package main

import (
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// newApp makes the application of one node. work is the node's part in the ceremony:
// [generateKey], or what syncmod.RunSteps or syncmod.RunAttempts returns. The
// function that is passed to RunSteps or RunAttempts takes its parameters from the
// graph, as a constructor does. The last parameter has options that start before the
// ceremony and stop after it.
//
// A program that only runs its node also sets ShutdownOnFailure and ShutdownOnComplete
// in the Config, and then calls Run. Its exit code then says how the ceremony ended.
func newApp(
	host hosts.Config,
	definition syncmod.Definition,
	config syncmod.Config,
	log *logrus.Logger,
	work fx.Option,
	more ...fx.Option,
) *fx.App {
	return fx.New(
		fx.Supply(log, host, definition),
		fx.Provide(hosts.New), // a host.Host that does not listen yet
		lifecycle.WithFxLogger(),
		fx.Options(more...),
		otelsdk.Module, // this node has no other OpenTelemetry SDK
		dkgsync.Module,
		syncmod.Configure(config),
		work,
		fx.Invoke(hosts.Listen), // last: when others can reach this node, the protocol is ready
	)
}

// generateKey returns the work of a DKG: each member ends with its share of one key,
// and the store keeps the share.
func generateKey(store *dkg.Store) fx.Option {
	return fx.Options(
		fx.Supply(store),
		dkg.Module,
		syncmod.RunAttempts(dkg.Attempts),
	)
}

// identity returns how a node appears in its telemetry: as a service of its own, under
// the name that the other nodes use for it too.
func identity(name string, index int) otelsdk.Identity {
	return otelsdk.Identity{Service: telemetry.ServiceName(name, index), Namespace: "dkg", Instance: name}
}
