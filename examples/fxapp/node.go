package main

import (
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// identity is what a host is made from; a program has it in its configuration.
type identity struct {
	key     crypto.PrivKey
	addr    multiaddr.Multiaddr // to listen on
	members int                 // of the largest ceremony that the host has to carry
}

// newApp makes the application of one node. run is what it does in the ceremony:
// syncmod.RunSteps, or syncmod.RunAttempts, of a function whose parameters come from
// the graph, as a constructor's do.
//
// A program with one node also sets ShutdownOnFailure and ShutdownOnComplete in
// the Config, and then calls Run: the exit code tells how the ceremony ended.
func newApp(
	id identity,
	definition syncmod.Definition,
	config syncmod.Config,
	log *logrus.Logger,
	run fx.Option,
	more ...fx.Option,
) *fx.App {
	return fx.New(
		fx.Supply(log, id, definition),
		fx.Provide(newHost),
		lifecycle.WithFxLogger(),
		otelsdk.Module, // this node has no OpenTelemetry SDK of its own
		dkgsync.Module,
		syncmod.Configure(config),
		run,
		fx.Invoke(listen), // last: whoever reaches this node finds the protocol there
		fx.Options(more...),
	)
}

// newHost makes the host, with room for all members. It does not listen yet.
func newHost(lc fx.Lifecycle, id identity, more hostOptions) (host.Host, error) {
	manager, err := syncmod.NewResourceManager(id.members, 1)
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(append(more.Options,
		libp2p.Identity(id.key),
		libp2p.ResourceManager(manager),
		libp2p.NoListenAddrs,
		libp2p.DisableMetrics(), // they would be those of all nodes in this process
	)...)
	if err != nil {
		return nil, fmt.Errorf("making the host: %w", err)
	}
	lc.Append(fx.StopHook(h.Close))
	return h, nil
}

// hostOptions is what else a program wants of its host.
type hostOptions struct {
	fx.In

	Options []libp2p.Option `group:"host"`
}

// listen makes the host reachable once everything before it has been started.
func listen(lc fx.Lifecycle, h host.Host, id identity) {
	lc.Append(fx.StartHook(func() error { return h.Network().Listen(id.addr) }))
}
