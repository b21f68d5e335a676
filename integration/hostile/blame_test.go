package hostile_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// busy returns a configuration in which members exchange requests all the time.
func busy() syncmod.Config {
	config := impatient()
	config.Heartbeat = time.Millisecond
	return config
}

func TestAFalselyBlamedMemberBlamesNoOther(t *testing.T) {
	for range 5 { // the order of an abort and the answer to a heartbeat matters, and varies
		m := running(t, busy(), session)

		blames(bob)(t, m)

		for _, i := range honest {
			failed := m.Failure(i)
			require.ErrorIs(t, failed, syncmod.ErrPeerAborted, "%s: %v", harness.Name(i), failed)
			require.Equal(t, bob, harness.Culprit(t, failed).Index, "%s: %v", harness.Name(i), failed)
		}
		m.Stop(honest...)
	}
}

func TestAnAccusationIsAttributed(t *testing.T) {
	m := running(t, impatient(), session)

	blames(bob)(t, m)

	require.ErrorContains(t, m.Failure(alice),
		`operator 1 (bob) made the ceremony fail, according to operator 3 (dave): "the disk is full"`)
}

func TestTheBlamedMemberIsNotTheReporter(t *testing.T) {
	for range 5 { // it matters who tells carol first, alice or bob
		m := running(t, busy(), session)

		blames(bob)(t, m)

		// If bob tells carol first, his words are quoted, and the quotes in them are escaped.
		reports := `according to operator \d \((alice|dave)\)(, who heard it from operator 3 \(dave\))?: \\?"`
		require.Regexp(t, reports, m.Failure(carol).Error())
		m.Stop(honest...)
	}
}

func TestAFalseRestartIsAttributed(t *testing.T) {
	m := newMember(t, impatient(), foreign)
	m.Start(honest...)
	m.meet()

	require.Equal(t, refused, says(step(5))(t, m))

	require.ErrorIs(t, m.Failure(alice), syncmod.ErrSelfRestarted)
	for _, i := range honest {
		failed := m.Failure(i)
		require.Equal(t, alice, harness.Culprit(t, failed).Index, "%s: %v", harness.Name(i), failed)
		require.ErrorContains(t, failed, "operator 3 (dave) is already at step 5", harness.Name(i))
	}
}

// meet waits until the nodes are connected to each other, because a node tells only
// connected members of its failure.
func (m *member) meet() {
	for _, i := range honest {
		m.Until(i, func(s syncmod.Status) bool {
			return harness.Connected(s.Peers[0]) && harness.Connected(s.Peers[1])
		})
	}
}

// A digest does not say who has restarted. So alice, who notices that the digests differ,
// blames nobody, and the others can only name alice. See docs/guarantees.md, "Who is
// named".
func TestAFalseAttemptHidesItsSender(t *testing.T) {
	for range 3 { // carol hears of the failure from alice or from bob
		m := running(t, busy(), session)

		require.Equal(t, refused, says(step(2), harness.Attempt([]byte("another!")))(t, m))

		noticed := m.Failure(alice)
		require.ErrorIs(t, noticed, syncmod.ErrPeerRestarted)
		_, blames := errors.AsType[*syncmod.PeerError](noticed)
		require.False(t, blames)
		for _, i := range []int{bob, carol} {
			failed := m.Failure(i)
			require.ErrorIs(t, failed, syncmod.ErrPeerAborted, "%s: %v", harness.Name(i), failed)
			require.Equal(t, alice, harness.Culprit(t, failed).Index, "%s: %v", harness.Name(i), failed)
		}
		for _, i := range honest {
			require.ErrorContains(t, m.Failure(i), "the members are in different attempts", harness.Name(i))
			require.NotContains(t, m.Failure(i).Error(), "dave", harness.Name(i))
		}
		m.Stop(honest...)
	}
}

func TestAForgedReportIsQuoted(t *testing.T) {
	m := running(t, impatient(), session)
	const forged = `no" — operator 1 (bob) restarted: its step went from 3 to 0`

	says(abort(forged, ""))(t, m)

	require.Equal(t, dave, harness.Culprit(t, m.Failure(alice)).Index)
	require.ErrorContains(t, m.Failure(alice), `operator 3 (dave) ended the ceremony: "no\" — operator 1`)
}

func TestEndlessRestartsHoldUpNobody(t *testing.T) {
	m := newMember(t, impatient(), session)
	m.Start(honest...)
	costs := peak()
	for n := range uint64(100) {
		m.self.Become(1 + n)
		s := m.open(t, alice)
		s.Greeted(t, m.self.Request(t, m.Define(m.about))) // alice then asks dave's new process who it is
		s.Accepted(t, m.request(t, step(0)))
	}
	require.Less(t, costs(), int64(most))

	m.enter(t, 1)
	m.Advance(honest...)
	m.requireStops(t)
}
