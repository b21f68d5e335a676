package syncmod_test

import (
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// early returns a configuration that registers the handler before the
// start.
func early() syncmod.Config {
	config := harness.Fast()
	config.RegisterEarly = true
	return config
}

func TestAMemberWaitsBeforeTheStart(t *testing.T) {
	noLeaks(t)
	h, other := harness.NewHost(t), harness.NewHost(t)
	def := harness.Define(t.Name(), h, other)
	service, err := syncmod.NewService(h, early(), syncmod.WithLogger(harness.Quiet()))
	require.NoError(t, err)
	partner, err := harness.StartService(t, other, harness.Fast()).Open(def)
	require.NoError(t, err)
	harness.Until(t, partner, func(s syncmod.Status) bool { return s.Peers[0].Waiting != "" })

	require.NoError(t, service.Start(t.Context()))
	c, err := service.Open(def)
	require.NoError(t, err)

	run(t, []*syncmod.Ceremony{c, partner})
	require.NoError(t, service.Stop(harness.Within(t)))
}

// Some foreign members take a refusal as final.
func TestAForeignMemberIsHeldBeforeTheStart(t *testing.T) {
	noLeaks(t)
	h, bob := harness.NewHost(t), harness.NewRawPeer(t)
	def := harness.Define(t.Name(), h, bob.Host)
	service, err := syncmod.NewService(h, early(), syncmod.WithLogger(harness.Quiet()))
	require.NoError(t, err)
	stream := bob.Open(t, h)
	stream.Say(t, bob.Request(t, def))
	pong := harness.Next(t, ping.Ping(harness.Within(t), bob.Host, h.ID()))
	require.NoError(t, pong.Error) // the request arrived before this

	require.NoError(t, service.Start(t.Context()))
	_, err = service.Open(def)
	require.NoError(t, err)

	require.Empty(t, stream.Hear(t).GetError())
	require.NoError(t, service.Stop(harness.Within(t)))
}

func TestAnAppRegistersEarly(t *testing.T) {
	for about, asks := range map[string]bool{"asks": true, "does not ask": false} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h := harness.NewSilentHost(t)
			config := syncmod.Config{RegisterEarly: asks}
			app := fx.New(syncmod.Module, given(h), fx.Replace(config))
			require.NoError(t, app.Err())

			require.Equal(t, asks, slices.Contains(h.Mux().Protocols(), syncmod.ProtocolID))

			require.NoError(t, app.Start(t.Context()))
			require.Contains(t, h.Mux().Protocols(), syncmod.ProtocolID)
			require.NoError(t, app.Stop(t.Context()))
			require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
		})
	}
}

func TestStopRemovesAnEarlyHandler(t *testing.T) {
	noLeaks(t)
	h, bob := harness.NewHost(t), harness.NewRawPeer(t)
	service, err := syncmod.NewService(h, early(), syncmod.WithLogger(harness.Quiet()))
	require.NoError(t, err)
	bob.Become(7)
	stream := bob.Open(t, h)
	require.NotEmpty(t, stream.Greeted(t, bob.Request(t, harness.Define(t.Name(), h, bob.Host))))

	require.NoError(t, service.Stop(harness.Within(t)))

	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID)
	require.Contains(t, stream.Fate(), "reset")
}

func TestRegisteringEarlyDetectsAConflict(t *testing.T) {
	h := harness.NewSilentHost(t)
	h.SetStreamHandler(syncmod.ProtocolID, func(s network.Stream) { _ = s.Reset() })

	_, err := syncmod.NewService(h, early())

	require.ErrorContains(t, err, "use one service for each host")
	require.ErrorContains(t, fx.New(syncmod.Module, given(h), fx.Replace(early())).Err(),
		"use one service for each host")
}
