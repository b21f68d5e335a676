package dkg

import (
	"path/filepath"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAnAppStopsWithItsShare(t *testing.T) {
	hosts := []host.Host{harness.NewHost(t), harness.NewHost(t)}
	definition := harness.Define(t.Name(), hosts...)
	conf := harness.Fast()
	conf.ShutdownOnComplete = true
	type app struct {
		*fxtest.App
		dir       string
		generator *Generator
	}
	var apps []*app
	for _, h := range hosts {
		a := &app{dir: t.TempDir()}
		store, err := OpenStore(a.dir, definition)
		require.NoError(t, err)
		a.App = fxtest.New(t,
			fx.Supply(fx.Annotate(h, fx.As(new(host.Host)))),
			fx.Supply(definition, store, harness.Quiet()),
			syncmod.Module,
			syncmod.Configure(conf),
			Module,
			syncmod.RunAttempts(Attempts),
			fx.Populate(&a.generator),
		)
		a.RequireStart()
		apps = append(apps, a)
	}
	var shares []*Share
	for _, a := range apps {
		require.Zero(t, harness.Next(t, a.Wait()).ExitCode)
		a.RequireStop()
		outcome := a.generator.Outcome()
		require.Equal(t, filepath.Join(a.dir, shareName), outcome.Path)
		require.Equal(t, filepath.Join(a.dir, receiptName), outcome.Receipt)
		shares = append(shares, outcome.Share)
	}
	requireOneKey(t, shares)
}

func TestAStrangersHostIsRefused(t *testing.T) {
	c := newCluster(t, 2)
	stranger := harness.NewHost(t)
	_, err := New(stranger, c.nodes[0].generator.store, harness.Quiet())
	require.EqualError(t, err,
		"key generation: this node ("+stranger.ID().String()+") is not a member of the definition")
}

func TestAHostHasOneGenerator(t *testing.T) {
	c := newCluster(t, 2)
	n := c.nodes[0]
	second, err := New(n.host, n.generator.store, harness.Quiet())
	require.NoError(t, err)
	require.ErrorContains(t, second.Start(), "use one generator for each host")
	require.NoError(t, n.generator.Stop(t.Context()))
	require.NoError(t, second.Start())
	require.NoError(t, second.Stop(t.Context()))
}

func TestAWrongDefinitionIsRefused(t *testing.T) {
	c := newCluster(t, 2)
	n := c.nodes[0]
	other := harness.Define("another", c.nodes[0].host, c.nodes[1].host)
	_, err := n.service.Run(within(t), other, n.steps)
	require.ErrorContains(t, err, "was opened for a different definition than the ceremony's")
}

func TestStrangersGetNothing(t *testing.T) {
	c := newCluster(t, 2)
	stranger := harness.NewHost(t)
	harness.Connect(t, stranger, c.nodes[0].host)
	for _, id := range protocols {
		stream, err := stranger.NewStream(t.Context(), c.nodes[0].host.ID(), id)
		require.NoError(t, err)
		_, err = stream.Read(make([]byte, 1))
		require.ErrorContains(t, err, "reset")
	}
}

func TestStopWaitsForStreams(t *testing.T) {
	c := newCluster(t, 2)
	a, b := c.nodes[0], c.nodes[1]
	harness.Connect(t, a.host, b.host)
	for range maxStreams + 1 { // streams that nobody reads
		_, err := a.host.NewStream(t.Context(), b.host.ID(), protocols[keyPhase])
		require.NoError(t, err)
	}
	require.NoError(t, b.generator.Stop(harness.Within(t)))
	require.NoError(t, b.generator.Stop(harness.Within(t)), "twice")
	require.Empty(t, b.generator.server.streams)
}
