package roster_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// docs/protocol.md, "Rehearsals".
func TestNothingCountsForAnObserver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version, err := roster.ParseVersion("v1.11")
		require.NoError(t, err)
		f := &facts{t: t, now: start, n: 3}
		f.r = roster.New(start, roster.Config{
			Members: f.n, Session: 0xa1, Version: version, VersionText: "v1.11", Observes: true,
		})
		f.r.Open(f.now)
		f.r.Effects()
		for range rapid.IntRange(1, 60).Draw(t, "facts") {
			q := f.request()
			q.Signed = f.oneIn(2, "signed")
			i, stream := f.member(), f.stream()
			switch rapid.IntRange(0, 4).Draw(t, "fact") {
			case 0, 1:
				f.requireSilence(f.r.Request(f.now, i, stream, q), q)
			case 2:
				f.r.InboundDown(f.now, i, stream)
			case 3:
				f.r.OutboundOpened(i, stream, false)
			case 4:
				f.r.Response(f.now, i, stream, roster.Response{
					Session: f.session(), Refused: f.oneIn(4, "refused"), Waiting: f.oneIn(4, "waiting"),
				})
			}
			effects := f.r.Effects()
			require.Nil(t, effects.Announcement)
			require.Empty(t, effects.Repeat)
			require.Empty(t, effects.Ask)
			require.Nil(t, f.r.Failure())
			require.Equal(t, roster.Connecting, f.r.Phase())
		}
	})
}

// requireSilence requires that a verdict tells the member nothing that could make
// it think that this node takes part.
func (f *facts) requireSilence(v roster.Verdict, q roster.Request) {
	switch {
	case v.Action == roster.Supersede:
	case q.Shutdown || q.Aborted:
		require.Equal(f.t, roster.AcceptLast, v.Action)
	case q.Session == 0:
		require.Equal(f.t, roster.Ignore, v.Action)
	default:
		require.Equal(f.t, roster.Decline, v.Action)
	}
}

func TestAnObserverChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		before := f.r.Clone()
		q := f.request()
		q.Observes = true

		require.Equal(t, roster.Verdict{Action: roster.Decline}, f.r.Request(f.now, f.member(), f.stream(), q))

		require.Equal(t, before, f.r)
	})
}

func TestRepeatsAreNoNewsToAnObserver(t *testing.T) {
	version, err := roster.ParseVersion("v1.11")
	require.NoError(t, err)
	r := roster.New(start, roster.Config{
		Members: 2, Session: 0xa1, Version: version, VersionText: "v1.11", Observes: true,
	})
	r.Open(start)
	for _, q := range []roster.Request{
		{Version: "v1.11", Signed: true, Session: 0xb1},
		{Version: "v1.10", Signed: true, Session: 0xb1},
		{Version: "v1.11", Session: 0xb1},
		{Version: "v1.11", Signed: true, Session: 0xb1, Nickname: "bob"},
	} {
		r.Request(start, 1, inboundOf(1), q)
		require.True(t, r.Effects().Changed)

		r.Request(start, 1, inboundOf(1), q)

		require.False(t, r.Effects().Changed)
	}
}
