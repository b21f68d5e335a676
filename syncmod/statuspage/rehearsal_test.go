package statuspage

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestARehearsalNamesTheMissing(t *testing.T) {
	c := harness.New(t, 4)
	c.Start(1)
	c.Idle(0, 3)
	looking, err := c.Nodes[0].Service.Open(c.Definition(0, t.Name()), syncmod.Observe())
	require.NoError(t, err)
	_, err = c.Nodes[3].Service.Open(c.Definition(3, t.Name()), syncmod.Observe())
	require.NoError(t, err)
	p := pageOf(t, c.Nodes[0].Service)
	harness.Until(t, looking, func(s syncmod.Status) bool {
		w := s.WaitingFor()
		return w != nil && len(w.Missing) == 1 && w.Missing[0].Index == 2 && s.Peers[2].Waiting != ""
	})

	d := status(t, p, "").Ceremony

	require.Equal(t, KindRehearsal, d.Kind)
	require.Equal(t, "This is a rehearsal: the ceremony would wait for carol", d.Headline)
	require.Equal(t, "carol", d.Answers.WaitingFor.Short)
	require.Equal(t, Answer{
		"Yes", "Stopping a rehearsal harms nobody. Stop it before you start your real node.",
	}, d.Answers.Close)
	require.Equal(t, []int{2}, d.Waiting.Members)
	require.Empty(t, d.Phases)
	require.Equal(t, "rehearsing", d.Members[0].Doing)
	require.Equal(t, "ready, and rehearsing too", d.Members[3].State)
	for i, m := range d.Members {
		require.Equal(t, i == 2, m.Trouble, m.Name)
		require.Equal(t, i == 2, m.Waiting, m.Name)
	}
	require.NoError(t, looking.Close(harness.Within(t)))
	harness.Eventually(t, func() bool { return status(t, p, "").Ceremony.Headline == "The rehearsal is over" }, "over")
}

func TestARehearsalShowsTheCeremony(t *testing.T) {
	for _, look := range []struct {
		change   func(*syncmod.Status)
		headline string
		isItMe   string
	}{
		{func(*syncmod.Status) {}, ": the ceremony could begin", "No"},
		{func(s *syncmod.Status) { s.Peers[1].Step = 3 }, ", but the ceremony has begun: carol is at work", "No"},
	} {
		s := syncmod.Status{Observes: true, Peers: others(0, 0)}
		look.change(&s)

		d := made(s).detail(nil)

		require.Equal(t, "This is a rehearsal"+look.headline, d.Headline)
		require.Equal(t, look.isItMe, d.Answers.IsItMe.Short)
		require.Contains(t, d.Answers.Close.Short, "Yes")
	}
}

// The requests of the member are not accepted, but it can be reached.
func TestAnUnfitMemberIsReached(t *testing.T) {
	carol := others(0, 0)[1]
	carol.Inbound, carol.LastSeen, carol.Version = false, noon.Add(-time.Second), "v1.9"
	carol.Fault = errors.New("runs v1.9, this node runs v1.0")
	v := made(syncmod.Status{Observes: true, Peers: []syncmod.PeerStatus{others(0, 0)[0], carol}})
	wait := &syncmod.WaitError{Barrier: "connected", Missing: []syncmod.PeerStatus{carol}}

	require.Equal(t, Answer{"Probably not", "carol must use the same version and definition as the others. " +
		"bob uses the same version and definition as this node."}, v.isItMyNetwork(wait))
	require.Equal(t, Answer{"carol", "carol runs v1.9, this node runs v1.0."}, v.wouldWaitFor(wait))
	require.Equal(t, pathDirect, v.member(carol).Path)
}
