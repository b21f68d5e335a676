package hostile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAnotherCeremonyCompletes(t *testing.T) {
	m := newMember(t, syncmod.Config{}, session)
	m.Idle(honest...)
	m.Open(m.about, honest...)
	m.enter(t, 1)
	m.Advance(honest...)
	ruined := m.Nodes[alice].Ceremony
	stop := m.start(t, tireless["streams without end"])
	flood := newFlood(t, many/5, m.Nodes[alice], harness.Frame(m.request(t)))

	m.openWithoutDave(t, "the other one")
	m.Advance(honest...)
	says(step(9))(t, m)
	for range 20 {
		m.Advance(honest...)
	}
	meansAnother(definitionHash(harness.Hash("the other one")))(t, m) // he is not a member of it
	m.Complete(honest...)

	<-ruined.Done()
	require.ErrorIs(t, ruined.Err(), syncmod.ErrStepSkipped)
	require.Equal(t, dave, harness.Culprit(t, ruined.Err()).Index)
	stop()
	t.Log(count(flood.end(t)))
}

// openWithoutDave opens a ceremony of all the others on their nodes.
func (m *member) openWithoutDave(t testing.TB, about string) {
	t.Helper()
	def := syncmod.Definition{Hash: harness.Hash(about)}
	for _, i := range honest {
		n := m.Nodes[i]
		def.Peers = append(def.Peers, syncmod.Peer{ID: n.ID(), Name: harness.Name(i), Addrs: n.Host.Addrs()})
	}
	for _, i := range honest {
		var err error
		m.Nodes[i].Ceremony, err = m.Nodes[i].Service.Open(def)
		require.NoError(t, err)
	}
}
