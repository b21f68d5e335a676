package sinks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	slowly = 200 * time.Millisecond // how long each call of a slow sink takes
	// soon is shorter than a wait for a slow sink, and much longer than anything takes
	// without such a wait.
	soon = 2 * time.Second
	// stopsIn is how long the stop of a node may take if the other members listen.
	stopsIn = time.Second
)

// behaviours are the ways in which a sink misbehaves.
var behaviours = map[string]func(*scene){
	"slow": func(s *scene) {
		select {
		case <-time.After(slowly):
		case <-s.sink.released:
		}
	},
	"hanging":      func(s *scene) { <-s.sink.released },
	"panicking":    func(*scene) { panic("a sink of the program") },
	"calling back": (*scene).callBack,
}

// moments are the moments at which a sink misbehaves, with a check of what must hold then.
var moments = map[string]func(*scene, *testing.T){
	"in a barrier": (*scene).barriers,
	"at a failure": (*scene).failure,
	"at a stop":    (*scene).stop,
}

func TestASinkCostsOnlyReports(t *testing.T) {
	for sink := range sinks {
		for behaviour := range behaviours {
			for moment, test := range moments {
				t.Run(sink+" "+behaviour+" "+moment, func(t *testing.T) {
					t.Parallel()
					s := newScene(t, sink, running())
					s.meet()
					s.misbehaves(behaviour)

					test(s, t)

					if behaviour == "calling back" {
						require.Less(t, harness.Next(t, s.returned), harness.Patience/2)
					}
					s.requireStops(t)
				})
			}
		}
	}
}

func TestConnectingWaitsForNoSink(t *testing.T) {
	for sink := range sinks {
		for behaviour := range behaviours {
			t.Run(sink+" "+behaviour, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, sink, running())
				s.misbehaves(behaviour)
				elapsed := harness.Stopwatch(t)

				s.meet()

				require.Less(t, elapsed(), soon)
			})
		}
	}
}

// barriers takes everyone through barriers. Nobody waits for the sink. If alice waits
// for the others, she waits only as long as she wants.
func (s *scene) barriers(t *testing.T) {
	lonely := s.open(t)
	s.requireWaitsBriefly(t, lonely.AwaitConnected)
	lonely.Abort(syncmod.ErrStopped) // gives every kind of sink something to report
	harness.Next(t, s.sink.hit)
	elapsed := harness.Stopwatch(t)

	for range 20 {
		s.Advance(s.All()...)
	}

	require.Less(t, elapsed(), soon)
	s.requireWaitsBriefly(t, func(ctx context.Context) error {
		_, err := s.ceremony().Advance(ctx)
		return err
	})
	s.Advance(s.All()...)
	require.NoError(t, lonely.Close(s.Context()))
}

// failure makes a member abort. Everyone learns of it, and alice's app stops.
func (s *scene) failure(t *testing.T) {
	elapsed := harness.Stopwatch(t)

	s.Nodes[carol].Ceremony.Abort(errFull)

	for _, i := range s.Except(carol) {
		require.ErrorContains(t, s.Failure(i), "disk full")
	}
	require.Equal(t, 1, harness.Next(t, s.signal).ExitCode)
	require.Less(t, elapsed(), soon)
	harness.Next(t, s.sink.hit)
}

// stop stops alice's service. Everyone learns of it.
func (s *scene) stop(t *testing.T) {
	elapsed := harness.Stopwatch(t)

	require.NoError(t, s.Nodes[alice].Service.Stop(s.Context()))

	require.Less(t, elapsed(), stopsIn)
	require.ErrorIs(t, s.ceremony().Err(), syncmod.ErrStopped)
	for _, i := range s.Except(alice) {
		require.ErrorContains(t, s.Failure(i), "operator 0 (alice) was stopped")
	}
	harness.Next(t, s.sink.hit)
}
