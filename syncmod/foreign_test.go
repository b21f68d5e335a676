package syncmod_test

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// A member gives a stream up that nobody answers for ExchangeTimeout, and comes with
// another: OpenGrace runs on.
func TestMembersWithDifferentDefinitionsAreToldThoughTheyDoNotWaitForTheAnswer(t *testing.T) {
	cfg := fast()
	cfg.ExchangeTimeout, cfg.OpenGrace = 400*time.Millisecond, 900*time.Millisecond
	log, logged := logtest.NewNullLogger()
	hosts := []host.Host{newHost(t), newHost(t)}
	alice, err := syncmod.NewService(hosts[0], cfg, syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, alice.Start(t.Context()))
	defer func() { require.NoError(t, alice.Stop(within(t))) }()
	bob := startService(t, hosts[1], cfg)
	_, err = alice.Open(definitionOf("alice's", hosts...))
	require.NoError(t, err)

	c, err := bob.Open(definitionOf("bob's", hosts...))
	require.NoError(t, err)

	require.ErrorContains(t, failure(t, c), "all members need the same definition")
	require.Equal(t, 0, culprit(t, c.Err()).Index)
	require.Eventually(t, func() bool {
		for _, e := range logged.AllEntries() {
			if e.Level == logrus.WarnLevel && e.Data["reason"] == "bad_signature" {
				require.Regexp(t, `^operator 1 \(bob\) asks for definition \w{16}…; open here with this member: \w{16}…: all members need the same definition$`, e.Message)
				return true
			}
		}
		return false
	}, patience, time.Millisecond)
}

func TestANodeThatOthersTakeForAStrangerSaysSo(t *testing.T) {
	hosts := []host.Host{newHost(t), newHost(t), newHost(t)}
	alice, carol := startService(t, hosts[0], fast()), startService(t, hosts[2], fast())
	_, err := alice.Open(definitionOf(t.Name(), hosts[0], hosts[1]))
	require.NoError(t, err)

	c, err := carol.Open(definitionOf(t.Name(), hosts[0], hosts[2]))
	require.NoError(t, err)

	until(t, c, func(s syncmod.Status) bool {
		return s.Peers[0].LastError != nil && s.Peers[0].LastError.Error() ==
			"it does not list this node as a member of any open ceremony; compare definitions and keys"
	})
}

// What the host has known for itself it forgets in its own time. The definition's
// address is dialled all the same.
func TestAnAddressOfTheDefinitionIsDialledThoughTheHostHasForgottenIt(t *testing.T) {
	nodes, def := newCluster(t, 2, patient())
	store := nodes[0].host.Peerstore()
	store.AddAddrs(def.Peers[1].ID, def.Peers[1].Addrs, peerstore.TempAddrTTL)
	alice := open(t, nodes[:1], def)
	store.ClearAddrs(def.Peers[1].ID)
	bob := open(t, nodes[1:], syncmod.Definition{Hash: def.Hash, Peers: []syncmod.Peer{{ID: def.Peers[0].ID}, {ID: def.Peers[1].ID}}}) // cannot dial

	requireNone(t, everyone(append(alice, bob...), func(_ int, c *syncmod.Ceremony) error { return c.AwaitConnected(within(t)) }))
}

func TestWhatWasLearnedOfAConnectedMemberOutlivesTheCeremony(t *testing.T) {
	nodes, def := newCluster(t, 2, fast())
	whole := def
	whole.Peers = []syncmod.Peer{def.Peers[0], {ID: def.Peers[1].ID}}
	for _, a := range def.Peers[1].Addrs { // as definitions often have them
		whole.Peers[1].Addrs = append(whole.Peers[1].Addrs, a.Encapsulate(multiaddr.StringCast("/p2p/"+def.Peers[1].ID.String())))
	}
	ceremonies := append(open(t, nodes[:1], whole), open(t, nodes[1:], def)...)
	requireNone(t, everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error { return c.AwaitConnected(within(t)) }))

	requireNone(t, everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error { return c.Close(within(t)) }))

	store, id := nodes[0].host.Peerstore(), def.Peers[1].ID
	require.ElementsMatch(t, def.Peers[1].Addrs, store.Addrs(id))
	require.NoError(t, nodes[0].host.Network().ClosePeer(id))
	store.UpdateAddrs(id, peerstore.PermanentAddrTTL, time.Hour)
	require.Eventually(t, func() bool { // it is the host's to forget
		store.UpdateAddrs(id, peerstore.RecentlyConnectedAddrTTL, 0)
		store.UpdateAddrs(id, peerstore.TempAddrTTL, 0)
		return len(store.Addrs(id)) == 0
	}, patience, 10*time.Millisecond)
}
