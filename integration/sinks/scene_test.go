package sinks_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	alice = iota // she has the sink
	bob
	carol
)

var errFull = errors.New("disk full")

// scene is a cluster whose first member, alice, has a sink.
type scene struct {
	*harness.Cluster
	sink     *sink
	signal   <-chan fx.ShutdownSignal // received when alice's app wants to stop
	returned chan time.Duration       // how long a call from inside the sink took
}

// running returns a configuration in which nodes never give up a
// member.
func running() syncmod.Config {
	config := harness.Patient()
	config.ShutdownOnFailure = true
	return config
}

// newScene starts alice. The hosts are connected first: when two hosts dial each other
// at the same moment, both may fail and then wait for seconds.
func newScene(t *testing.T, sink string, config syncmod.Config, opts ...fx.Option) *scene {
	t.Helper()
	s := &scene{
		Cluster: harness.New(t, 3, harness.With(config)), sink: newSink(t), returned: make(chan time.Duration, 1),
	}
	node := s.Nodes[alice]
	harness.Connect(t, node.Host, s.Nodes[bob].Host)
	harness.Connect(t, node.Host, s.Nodes[carol].Host)
	harness.Connect(t, s.Nodes[bob].Host, s.Nodes[carol].Host)
	require.NoError(t, node.Run(
		fx.Supply(s.Definition(alice, t.Name())), fx.Populate(&node.Ceremony),
		sinks[sink](t, s.sink), fx.Options(opts...),
	))
	s.signal = node.Wait()
	return s
}

// meet starts the others, and takes everyone through the barrier of step 1.
func (s *scene) meet() {
	s.Start(bob, carol)
	s.Advance(s.All()...)
}

func (s *scene) ceremony() *syncmod.Ceremony { return s.Nodes[alice].Ceremony }

func (s *scene) misbehaves(behaviour string) { s.sink.arm(func() { behaviours[behaviour](s) }) }

// callBack asks for the status of the ceremony, and leaves the ceremony once it has failed.
func (s *scene) callBack() {
	c := s.ceremony()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	began := time.Now()
	if c.Status().Phase == syncmod.Failed {
		c.Abort(errFull)
		_ = c.Close(ctx)
	}
	select {
	case s.returned <- time.Since(began):
	default:
	}
}

// open opens a ceremony on alice's node whose other member never comes.
func (s *scene) open(t *testing.T) *syncmod.Ceremony {
	t.Helper()
	nobody, err := peer.IDFromPrivateKey(harness.NewKey(t))
	require.NoError(t, err)
	c, err := s.Nodes[alice].Service.Open(syncmod.Definition{
		Hash: harness.Hash("nobody"), Peers: []syncmod.Peer{{ID: s.Nodes[alice].ID()}, {ID: nobody}},
	})
	require.NoError(t, err)
	return c
}

// requireWaitsBriefly requires that a wait for members that do not come ends with its
// context.
func (s *scene) requireWaitsBriefly(t *testing.T, wait func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	elapsed := harness.Stopwatch(t)
	require.ErrorIs(t, wait(ctx), context.DeadlineExceeded)
	require.Less(t, elapsed(), soon)
}

// requireStops requires that alice's app stops in time.
func (s *scene) requireStops(t *testing.T) {
	t.Helper()
	elapsed := harness.Stopwatch(t)
	require.NoError(t, s.Nodes[alice].Stop(s.Context()))
	require.Less(t, elapsed(), stopsIn)
}
