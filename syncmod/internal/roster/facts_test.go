package roster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// facts brings facts to one roster in any order, sensible or not.
type facts struct {
	t   *rapid.T
	r   *roster.Roster
	now time.Time
	n   int
}

// drawFacts draws a roster to which anything may have happened.
func drawFacts(t *rapid.T) *facts {
	version, err := roster.ParseVersion("v1.11")
	require.NoError(t, err)
	f := &facts{t: t, now: start, n: rapid.IntRange(2, 4).Draw(t, "members")}
	f.r = roster.New(start, roster.Config{
		Members: f.n, Session: 0xa1, Version: version, VersionText: "v1.11",
		PeerTimeout: rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "peer timeout"),
	})
	if !f.oneIn(10, "not open") {
		f.r.Open(f.now)
	}
	for range rapid.IntRange(0, 60).Draw(t, "facts") {
		f.any()
	}
	return f
}

func (f *facts) any() {
	later := []time.Duration{0, time.Millisecond, time.Second, 20 * time.Second}
	f.now = f.now.Add(rapid.SampledFrom(later).Draw(f.t, "later"))
	i, stream := f.member(), f.stream()
	switch rapid.IntRange(0, 12).Draw(f.t, "fact") {
	case 0, 1, 2, 3:
		f.r.Request(f.now, i, stream, f.request())
	case 4:
		f.r.InboundDown(f.now, i, stream)
	case 5:
		f.r.OutboundOpened(i, stream, false)
	case 6, 7:
		f.r.Response(f.now, i, stream, roster.Response{
			Session: f.session(),
			Goodbye: f.oneIn(4, "goodbye"), Abort: f.oneIn(20, "abort"), Refused: f.oneIn(20, "refused"),
			Waiting: f.oneIn(10, "waiting"),
		})
	case 8:
		f.r.OutboundDown(f.now, i, stream, errLost)
	case 9:
		_ = f.r.Attest(f.attestation())
		if f.oneIn(4, "last") {
			_ = f.r.AnnounceLast(f.now, f.r.Step()+1)
		} else {
			_ = f.r.Announce(f.now, f.r.Step()+1)
		}
	case 10:
		f.r.AwaitConnected(f.now)
	case 11:
		if f.r.Finish(f.now); f.oneIn(20, "give up") {
			kinds := []roster.Kind{roster.Aborted, roster.Stopped, roster.HostClosed}
			f.r.Fail(f.now, roster.Failure{Kind: rapid.SampledFrom(kinds).Draw(f.t, "kind")})
		}
	case 12:
		if f.r.Sessions() != nil {
			f.r.SetAttempt(f.now, attemptOf("this"))
		}
	}
	f.r.Effects()
}

func (f *facts) member() int { return rapid.IntRange(1, f.n-1).Draw(f.t, "member") }

func (f *facts) stream() roster.StreamID {
	return rapid.SampledFrom([]roster.StreamID{1, 2, 3}).Draw(f.t, "stream")
}

func (f *facts) session() uint64 {
	return rapid.SampledFrom([]uint64{0xb1, 0xb1, 0xb1, 0xb2, 0xb3, 0}).Draw(f.t, "session")
}

func (f *facts) attestation() *roster.Attestation {
	return attestationOf(rapid.SampledFrom([]string{"", "aa", "aa", "bb", "forged"}).Draw(f.t, "attestation"))
}

func (f *facts) oneIn(n int, what string) bool { return rapid.IntRange(1, n).Draw(f.t, what) == n }

// request draws a request that passes the checks of version and signature.
func (f *facts) request() roster.Request {
	return roster.Request{
		Opened: f.now, Version: "v1.11", Signed: true, Session: f.session(),
		Addressee:  rapid.SampledFrom([]uint64{0xa1, 0xa1, 0xa1, 0, 0xa2}).Draw(f.t, "addressee"),
		Attempt:    attemptOf(rapid.SampledFrom([]string{"this", "this", "other"}).Draw(f.t, "attempt")),
		HasAttempt: f.oneIn(2, "has attempt"),
		Step:       max(f.r.Step(), 0) + rapid.SampledFrom([]int64{0, 0, 0, 1, 1, -1, 2, 3}).Draw(f.t, "steps ahead"),
		Shutdown:   f.oneIn(8, "shutdown"), Aborted: f.oneIn(20, "aborted"), Differ: f.oneIn(2, "differ"),
		Attestation: f.attestation(),
		Culprit:     rapid.IntRange(-1, f.n-1).Draw(f.t, "culprit"),
		Reporter:    rapid.IntRange(-1, f.n-1).Draw(f.t, "reporter"),
	}
}

// docs/protocol.md, "Frames and messages".
func TestAFailedCheckChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		before := f.r.Clone()
		q := f.request()
		want := rapid.SampledFrom([]roster.Kind{
			roster.VersionMismatch, roster.BadSignature, roster.MembersMismatch,
		}).Draw(t, "what is wrong")
		if want == roster.VersionMismatch {
			q.Version = rapid.SampledFrom([]string{"v1.10", "v2.11", "", "banana"}).Draw(t, "version")
		}
		q.Signed = want == roster.MembersMismatch || want == roster.VersionMismatch && rapid.Bool().Draw(t, "signed")
		q.OtherMembers = want == roster.MembersMismatch || rapid.Bool().Draw(t, "other members")

		i := f.member()
		verdict := f.r.Request(f.now, i, f.stream(), q)

		phase := before.Phase()
		require.True(t, phase == f.r.Phase() || f.r.Phase() == roster.Failed)
		require.Equal(t, before.WithoutFailure(phase), f.r.WithoutFailure(phase))
		if phase == roster.Failed || verdict.Action != roster.Refuse {
			// Either nothing that the request says matters any longer, or the
			// request is meant for another attempt.
			require.True(t, phase >= roster.Complete || before.SayingGoodbye() || q.Addressee == 0xa2)
			require.Equal(t, phase, f.r.Phase())
			return
		}
		require.Equal(t, want, verdict.Cause.Kind)
		require.Equal(t, i, verdict.Cause.Culprit)
		require.Equal(t, phase != roster.Complete && !before.SayingGoodbye(), f.r.Phase() == roster.Failed)
	})
}

// These verdicts say that nothing has changed.
func TestUncountedRequestsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		before := f.r.Clone()
		phase := before.Phase()
		q := f.request()
		switch f.r.Request(f.now, f.member(), f.stream(), q).Action {
		case roster.Drop, roster.Hold, roster.Greet:
			require.Equal(t, phase, f.r.Phase())
			require.Equal(t, before.WithoutFailure(phase), f.r.WithoutFailure(phase))
		}
	})
}

// docs/protocol.md, "Sessions and restarts".
func TestAnotherProcessChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		before := f.r.Clone()
		phase := before.Phase()
		q := f.request()
		q.Session, q.Addressee = 0xb1, 0xa2
		verdict := f.r.Request(f.now, f.member(), f.stream(), q)

		require.Equal(t, phase, f.r.Phase())
		require.Equal(t, before.WithoutFailure(phase), f.r.WithoutFailure(phase))
		if q.Aborted || q.Shutdown {
			require.Equal(t, roster.AcceptLast, verdict.Action)
			return
		}
		require.Equal(t, roster.Greet, verdict.Action)
		require.Equal(t, before.Failure(), verdict.Waiting)
	})
}

// A roster wants its next tick at the moment when there will be something to do, and
// never twice at the same moment. Until then, the passing of time changes nothing.
func TestNextIsWhenSomethingHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		f.r.Tick(f.now) // anything that is overdue
		next := f.r.Effects().Next
		before := f.r.Clone()
		if next.IsZero() {
			require.Zero(t, f.tick(f.now.Add(time.Hour)))
			require.Equal(t, before, f.r.Clone())
			return
		}
		require.True(t, next.After(f.now), "%v is not after %v", next, f.now)
		require.Equal(t, next, f.tick(next.Add(-1)))
		require.Equal(t, before, f.r.Clone())
		if again := f.tick(next); !again.IsZero() {
			require.True(t, again.After(next), "%v is not after %v", again, next)
		}
		require.NotEqual(t, before, f.r.Clone())
	})
}

func (f *facts) tick(now time.Time) (next time.Time) {
	f.r.Tick(now)
	return f.r.Effects().Next
}

// An effect that was returned once is not returned again, except for the time of the
// next tick.
func TestEffectsAreReturnedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		f.r.Tick(f.now)
		first := f.r.Effects()
		again := f.r.Effects()

		require.Equal(t, first.Next, again.Next)
		again.Next = time.Time{}
		require.Empty(t, again.Events)
		require.Empty(t, again.Repeat)
		require.Empty(t, again.Ask)
		again.Events, again.Repeat, again.Ask = nil, nil, nil
		require.Equal(t, roster.Effects{}, again)
	})
}
