package syncmod_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestStoppingEndsEveryWait(t *testing.T) {
	for about, test := range map[string]struct {
		reach func(t *testing.T, c, partner *syncmod.Ceremony) (waiting <-chan error)
		told  error // what the partner fails with, if anything
	}{
		"connecting": {reach: func(t *testing.T, c, _ *syncmod.Ceremony) <-chan error {
			return inBackground(func() error { return c.AwaitStep(harness.Within(t), 1) })
		}},
		"running": {
			told: syncmod.ErrPeerAborted,
			reach: func(t *testing.T, c, partner *syncmod.Ceremony) <-chan error {
				advance(t, []*syncmod.Ceremony{c, partner})
				waiting := inBackground(func() error { _, err := c.Advance(harness.Within(t)); return err })
				harness.Until(t, c, func(s syncmod.Status) bool { return s.Step == 2 })
				return waiting
			},
		},
		"completing": {
			told: syncmod.ErrPeerAborted,
			reach: func(t *testing.T, c, partner *syncmod.Ceremony) <-chan error {
				advance(t, []*syncmod.Ceremony{c, partner})
				waiting := inBackground(func() error { return c.Complete(harness.Within(t)) })
				harness.Until(t, c, harness.In(syncmod.Completing))
				return waiting
			},
		},
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			var c *syncmod.Ceremony
			app := fxtest.New(t, syncmod.Module, given(h), fx.Supply(def), fx.Populate(&c))
			app.RequireStart()
			waiting := test.reach(t, c, partner)

			app.RequireStop()

			require.ErrorIs(t, harness.Next(t, waiting), syncmod.ErrStopped)
			if test.told == nil {
				require.NoError(t, partner.Err())
				return
			}
			harness.Next(t, partner.Done())
			require.ErrorIs(t, partner.Err(), test.told)
			require.ErrorContains(t, partner.Err(), "operator 0 (alice) was stopped")
		})
	}
}

func TestACeremonyStoppedAtGoodbyesCompletes(t *testing.T) {
	for about, steps := range map[string]fx.Option{
		"steps":     syncmod.RunSteps(noSteps),
		"a program": fx.Invoke(func(c *syncmod.Ceremony) { go func() { _ = c.Complete(context.Background()) }() }),
		"a service": fx.Invoke(func(lc fx.Lifecycle, s *syncmod.Service, d syncmod.Definition) {
			lc.Append(fx.StartHook(func() error {
				c, err := s.Open(d)
				go func() { _ = c.Complete(context.Background()) }()
				return err
			}))
		}),
	} {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h, def, partner := newPair(t)
			var service *syncmod.Service
			hostStopped := false
			app := fx.New(
				fx.NopLogger, syncmod.Module, fx.Supply(harness.Fast(), harness.Quiet(), def), fx.Populate(&service),
				fx.Provide(func(lc fx.Lifecycle) host.Host {
					lc.Append(fx.StopHook(func() { hostStopped = true }))
					return h
				}),
				steps,
			)
			require.NoError(t, app.Start(harness.Within(t)))
			c := service.Ceremonies()[0]
			_, err := partner.Advance(harness.Within(t)) // it never says goodbye
			require.NoError(t, err)
			harness.Until(t, partner, func(s syncmod.Status) bool { return s.Peers[0].Done })
			const timeout = 2 * time.Second
			elapsed := harness.Stopwatch(t)

			err = app.Stop(harness.Due(t, timeout))

			require.NoError(t, err)
			require.Less(t, elapsed(), timeout)
			require.True(t, hostStopped)
			require.Equal(t, syncmod.Complete, c.Status().Phase)
			require.NoError(t, c.Err())
		})
	}
}

// deadPeers are members that will never answer.
var deadPeers = map[string]func(t *testing.T) (h host.Host, addr multiaddr.Multiaddr, reached <-chan struct{}){
	"a listener that accepts and stays mute": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		addr, err := manet.FromNetAddr(listener.Addr())
		require.NoError(t, err)
		reached := make(chan struct{})
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				close(reached)
				t.Cleanup(func() { _ = conn.Close() })
			}
		}()
		return harness.NewSilentHost(t), addr, reached
	},
	"an address that leads nowhere": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		reached := make(chan struct{})
		close(reached)
		return harness.NewSilentHost(t), multiaddr.StringCast("/ip4/192.0.2.1/tcp/9"), reached
	},
	"a host that never answers": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		h, reached := harness.NewHost(t), make(chan struct{})
		h.SetStreamHandler(syncmod.ProtocolID, func(network.Stream) { close(reached) })
		return h, h.Addrs()[0], reached
	},
	"a host that is killed": func(t *testing.T) (host.Host, multiaddr.Multiaddr, <-chan struct{}) {
		h, reached := harness.NewHost(t), make(chan struct{})
		var once sync.Once
		h.SetStreamHandler(syncmod.ProtocolID, func(network.Stream) {
			once.Do(func() {
				go func() {
					_ = h.Close()
					close(reached)
				}()
			})
		})
		return h, h.Addrs()[0], reached
	},
}

func TestAnAppStopsQuickly(t *testing.T) {
	for about, newDead := range deadPeers {
		t.Run(about, func(t *testing.T) {
			noLeaks(t)
			h := harness.NewHost(t)
			dead, addr, reached := newDead(t)
			def := harness.Define(t.Name(), h, dead)
			def.Peers[1].Addrs = []multiaddr.Multiaddr{addr}
			app := fx.New(syncmod.Module, given(h), fx.Supply(def), syncmod.RunSteps(noSteps))
			require.NoError(t, app.Start(t.Context()))
			harness.Next(t, reached)
			elapsed := harness.Stopwatch(t)

			err := app.Stop(context.Background())

			require.NoError(t, err)
			require.Less(t, elapsed(), 5*time.Second, "under a second, except on a slow machine")
		})
	}
}
