package syncmod_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestALostConnectionIsRestored(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Patient())
	ceremonies := harness.Open(t, nodes, def)
	advance(t, ceremonies)

	require.NoError(t, nodes[0].Host.Network().ClosePeer(nodes[1].Host.ID()))

	for _, c := range ceremonies {
		harness.Until(t, c, func(s syncmod.Status) bool {
			return s.Peers[0].Reconnects == 1 && harness.Connected(s.Peers[0])
		})
	}
	advance(t, ceremonies)
}

func TestACeremonySurvivesBrokenConnections(t *testing.T) {
	cfg := harness.Patient()
	cfg.GoodbyeTimeout = harness.Patience // libp2p pauses 5 s after a failed dial
	nodes, def := newCluster(t, 4, cfg)
	ceremonies := harness.Open(t, nodes, def)
	breaking, stop := context.WithCancel(harness.Within(t))
	broken := make(chan int, 1)
	go func() { broken <- breakConnections(breaking, nodes, 20) }()
	steps := make([]syncmod.Step, 15)
	for i := range steps {
		steps[i].Run = func(ctx context.Context) error { return pause(ctx, rand.N(20*time.Millisecond)) }
	}
	ctx := harness.Within(t)

	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Run(ctx, steps...) })

	stop()
	require.Positive(t, harness.Next(t, broken))
	for _, c := range ceremonies {
		require.Equal(t, syncmod.Complete, c.Status().Phase)
		for _, p := range c.Status().Peers {
			require.True(t, p.Done, p.Peer.Name)
		}
	}
}

// Each node runs one definition again and again, at its own pace.
func TestAttemptsSurviveBrokenConnections(t *testing.T) {
	for name, steps := range map[string]int{"without steps": 0, "with steps": 2} {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Patient()
			cfg.GoodbyeTimeout = harness.Patience
			// Broken connections that are not cleared away yet would use up libp2p's eight connections for
			// each peer.
			unlimited := harness.Hosts(libp2p.ResourceManager(&network.NullResourceManager{}))
			nodes, def := newCluster(t, 4, cfg, unlimited)
			breaking, stop := context.WithCancel(t.Context())
			broken := make(chan int, 1)
			// Not for ever: a busy machine cannot make connections as fast as they are broken.
			go func() { broken <- breakConnections(breaking, nodes, 300) }()

			var wg sync.WaitGroup
			for _, n := range nodes {
				wg.Go(func() {
					for round := range 8 {
						err := attempt(n.Service, def, steps)
						if !assert.NoError(t, err, "%s, round %d", harness.Name(n.Index), round) {
							return
						}
					}
				})
			}
			wg.Wait()

			stop()
			require.Positive(t, harness.Next(t, broken))
		})
	}
}

// attempt opens a definition, runs it and closes it, and pauses now and then.
func attempt(s *syncmod.Service, def syncmod.Definition, steps int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
	defer cancel()
	c, err := s.Open(def)
	if err != nil {
		return err
	}
	return errors.Join(c.Run(ctx, make([]syncmod.Step, steps)...), c.Close(ctx), pause(ctx, rand.N(5*time.Millisecond)))
}

// breakConnections closes a connection between any two nodes, again and again, up to the given number of
// times. It returns how often it did.
func breakConnections(ctx context.Context, nodes []*harness.Node, most int) (times int) {
	for times < most && pause(ctx, 20*time.Millisecond) == nil {
		one, other := nodes[rand.N(len(nodes))], nodes[rand.N(len(nodes))]
		if one != other && one.Host.Network().ClosePeer(other.Host.ID()) == nil {
			times++
		}
	}
	return times
}

// pause takes the time that work would take.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestALostStreamIsNotAFailure(t *testing.T) {
	s, logged := newLoggedScene(t, 1)
	stream := s.meet(t, s.others[0])

	require.NoError(t, stream.Reset())

	require.Eventually(t, func() bool {
		for _, e := range logged.AllEntries() {
			require.NotContains(t, e.Message, "ended with an error")
			if e.Message == "stream ended" && e.Data["role"] == "server" && e.Data["end_reason"] == "lost" {
				return true
			}
		}
		return false
	}, harness.Patience, time.Millisecond)
}
