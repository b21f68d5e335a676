package sim

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

var defaults = syncmod.DefaultConfig()

// unhurried gives steps so much work that the network can fail meanwhile.
func unhurried(member, step int) time.Duration {
	return 3*time.Second + work(member, step)
}

// A partition that heals before PeerTimeout costs only its own time. The waiting
// members can see for whom they wait, and why.
func TestAShortPartitionHeals(t *testing.T) {
	for _, c := range []struct {
		name    string
		lasts   time.Duration
		costs   time.Duration // the longest time from its end until the ceremony goes on
		why     string        // why at least one member across the partition is missing
		streams bool          // whether the streams across it have to be opened again
	}{
		// QUIC doubles its pause before each repetition.
		{"streams live on", 5 * time.Second, 6 * time.Second, "connected, at step 2, heard", false},
		// Longer than ExchangeTimeout, which is 10 s.
		{"streams are given up", 20 * time.Second, 10 * time.Second, "no response within the exchange timeout", true},
		// Longer than QUIC's idle timeout, which is 30 s.
		{"connections are given up", 40 * time.Second, defaults.PeerTimeout / 3, "dialling failed", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, w *world) {
				w.start(usual)
				running := begin(w, w.ceremonies(), unhurried)
				w.working(t)

				w.separate(halves(usual / 2))
				<-time.After(c.lasts) // the partition
				missing := w.members[0].missing(t)
				w.heal()

				healed := time.Now()
				diaries := running.end().complete(t)
				t.Logf("went on %s after the partition; before: %v", diaries.passed(3).Sub(healed), missing)
				require.Less(t, diaries.passed(3).Sub(healed), c.costs)
				require.Len(t, missing.Missing, usual-usual/2)
				for _, p := range missing.Missing {
					require.GreaterOrEqual(t, p.Index, usual/2, "on this side of the partition")
				}
				require.ErrorContains(t, missing, c.why)
				for _, p := range w.members[0].ceremony.Status().Peers {
					require.Equal(t, c.streams && p.Index >= usual/2, p.Reconnects > 0, "%+v", p)
				}
			})
		})
	}
}

// In a partition streams can still be opened for a while, but nobody answers on them.
// These are failed attempts, like failed dials.
func TestUnansweredStreamsAreFailures(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.start(usual)
		running := begin(w, w.ceremonies(), unhurried)
		w.working(t)

		w.separate(halves(usual / 2))
		<-time.After(25 * time.Second) // two exchange timeouts, but less than QUIC's idle timeout
		missing := w.members[0].missing(t)
		w.heal()

		running.end().complete(t)
		for _, p := range missing.Missing {
			require.Equal(t, 1, p.Attempts, "%+v", p)
		}
	})
}

// A lasting partition makes the ceremony fail on both sides, PeerTimeout after the
// last message from the other side. The failure names a member of the other side. The
// next attempt, in a working network, does not suffer from it.
func TestALongPartitionFailsBoth(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.start(usual)
		running := begin(w, w.ceremonies(), unhurried)
		w.working(t)
		cut := time.Now()

		w.separate(halves(usual / 2))

		for i, d := range running.end() {
			failed := failedFor(t, d.err, syncmod.ErrPeerTimeout)
			require.NotEqual(t, i < usual/2, failed.Index < usual/2,
				"member %d names one on its own side: %v", i, d.err)
			require.GreaterOrEqual(t, d.ended.Sub(cut), defaults.PeerTimeout-2*defaults.Heartbeat, "member %d", i)
			require.LessOrEqual(t, d.ended.Sub(cut), defaults.PeerTimeout+time.Second, "member %d", i)
		}
		w.heal()
		healed := time.Now()
		again := begin(w, w.open(w.definition("the next attempt")), work).end().complete(t)
		t.Logf("the next attempt passed its first barrier after %s", again.passed(1).Sub(healed))
	})
}

// One link works in one direction only. Its two members cannot do without each other,
// and everyone hears that one of them is to blame.
func TestAOneWayLinkIsNamed(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.start(usual)
		running := begin(w, w.ceremonies(), unhurried)
		w.working(t)
		cut := time.Now()

		w.separate(oneWay(1, 3))

		for i, d := range running.end() {
			failed := failedFor(t, d.err, syncmod.ErrPeerTimeout)
			require.Contains(t, []int{1, 3}, failed.Index, "member %d: %v", i, d.err)
			require.LessOrEqual(t, d.ended.Sub(cut), defaults.PeerTimeout+time.Second, "member %d", i)
		}
	})
}

// Nobody hears one member, but it hears everyone. The others name it. The member itself
// names another, because it cannot know that it is the only one that nobody hears.
func TestAnUnheardMemberIsNamed(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		const unheard = 0
		w.start(usual)
		running := begin(w, w.ceremonies(), unhurried)
		w.working(t)
		cut := time.Now()

		w.separate(mute(unheard))

		for i, d := range running.end() {
			failed := failedFor(t, d.err, syncmod.ErrPeerTimeout)
			require.Equal(t, i != unheard, failed.Index == unheard, "member %d: %v", i, d.err)
			require.LessOrEqual(t, d.ended.Sub(cut), defaults.PeerTimeout+time.Second, "member %d", i)
		}
	})
}

// The same, but the member is heard again before the others give it up. That costs only
// time.
func TestABrieflyUnheardMember(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.start(usual)
		running := begin(w, w.ceremonies(), unhurried)
		w.working(t)

		w.separate(mute(0))
		<-time.After(40 * time.Second) // longer than QUIC's idle timeout
		w.heal()

		healed := time.Now()
		diaries := running.end().complete(t)
		t.Logf("went on %s after it was heard again", diaries.passed(3).Sub(healed))
		require.Less(t, diaries.passed(3).Sub(healed), defaults.PeerTimeout/3)
	})
}

// working waits until every member works on step 2, and no message is on its way.
func (w *world) working(t *testing.T) {
	t.Helper()
	const step = 2
	for i, m := range w.members {
		until(t, m.ceremony, "at the step", func(s syncmod.Status) bool { return s.Step >= step })
		require.NoError(t, m.ceremony.AwaitStep(t.Context(), step), "member %d", i)
	}
	<-time.After(time.Second)
}

// missing returns the error that says for whom a member waits at step 3.
func (m *member) missing(t *testing.T) *syncmod.WaitError {
	t.Helper()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var missing *syncmod.WaitError
	require.ErrorAs(t, m.ceremony.AwaitStep(over, 3), &missing)
	return missing
}

// failedFor asserts that err is the given failure, noticed by this member or
// reported by another, and returns the member that err names.
func failedFor(t *testing.T, err, sentinel error) *syncmod.PeerError {
	t.Helper()
	var failed *syncmod.PeerError
	require.ErrorAs(t, err, &failed)
	require.True(t, errors.Is(err, sentinel) || errors.Is(err, syncmod.ErrPeerAborted), "%v", err)
	return failed
}
