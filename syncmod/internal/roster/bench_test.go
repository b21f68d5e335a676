package roster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

const (
	members     = 64
	selfSession = 0xa1
)

// connectedRoster returns a node's roster whose members are all connected, at
// step 0.
func connectedRoster(tb testing.TB) *roster.Roster {
	version, err := roster.ParseVersion("v1.11")
	require.NoError(tb, err)
	r := roster.New(start, roster.Config{
		Members: members, Session: selfSession, Version: version, VersionText: "v1.11", PeerTimeout: time.Minute,
	})
	r.Open(start)
	for i := 1; i < members; i++ {
		r.OutboundOpened(i, streamFrom(members+i), false)
		r.Response(start, i, streamFrom(members+i), roster.Response{Session: uint64(i)}) //nolint:gosec // small
		r.Request(start, i, streamFrom(i), requestAt(i, 0))
	}
	r.Effects()
	return r
}

func streamFrom(i int) roster.StreamID { return roster.StreamID(i) } //nolint:gosec // small

func requestAt(i int, step int64) roster.Request {
	return roster.Request{
		Opened: start, Version: "v1.11", Signed: true, Session: uint64(i), //nolint:gosec // small
		Addressee: selfSession, Step: step, Nickname: "bob", Culprit: -1, Reporter: -1,
	}
}

func TestARepeatedStepDoesNotAllocate(t *testing.T) {
	r := connectedRoster(t)
	q := requestAt(1, 0)

	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Request(start, 1, streamFrom(1), q)
		r.Effects()
	}))
}

func TestAResponseDoesNotAllocate(t *testing.T) {
	r := connectedRoster(t)
	a := roster.Response{Session: 1, RTT: time.Millisecond}

	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Response(start, 1, streamFrom(members+1), a)
		r.Effects()
	}))
}

// The cost of a heartbeat: the same step on the same stream.
func BenchmarkRequestRepeatsStep(b *testing.B) {
	r := connectedRoster(b)
	q := requestAt(1, 0)
	b.ReportAllocs()
	for b.Loop() {
		r.Request(start, 1, streamFrom(1), q)
		r.Effects()
	}
}

// The cost of a whole barrier: this node announces it, and 63 members arrive.
func BenchmarkBarrierOf64(b *testing.B) {
	r := connectedRoster(b)
	b.ReportAllocs()
	for step := int64(1); b.Loop(); step++ {
		if err := r.Announce(start, step); err != nil {
			b.Fatal(err)
		}
		r.Effects()
		for i := 1; i < members; i++ {
			r.Request(start, i, streamFrom(i), requestAt(i, step))
			r.Effects()
		}
		if r.Passed() != step {
			b.Fatal("not passed")
		}
	}
}
