package syncmod_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestALastingMismatchIsLogged(t *testing.T) {
	cfg := harness.Fast()
	cfg.OpenGrace = 200 * time.Millisecond
	log, logged := logtest.NewNullLogger()
	hosts := []host.Host{harness.NewHost(t), harness.NewHost(t)}
	alice, err := syncmod.NewService(hosts[0], cfg, syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, alice.Start(t.Context()))
	defer func() { require.NoError(t, alice.Stop(harness.Within(t))) }()
	bob := harness.StartService(t, hosts[1], cfg)
	_, err = alice.Open(harness.Define("alice's", hosts...))
	require.NoError(t, err)

	c, err := bob.Open(harness.Define("bob's", hosts...))
	require.NoError(t, err)

	require.Eventually(t, func() bool {
		for _, e := range logged.AllEntries() {
			if e.Level == logrus.WarnLevel && strings.Contains(e.Message, "asks for definition") {
				require.Regexp(t, `^operator 1 \(bob\) asks for definition \w{16}…, `+
					`but at this node that operator is a member of \w{16}…: all members need the same definition `+
					`file$`, e.Message)
				return true
			}
		}
		return false
	}, harness.Patience, time.Millisecond)
	require.NoError(t, c.Err())
}

func TestAMismatchIsLoggedOnce(t *testing.T) {
	cfg := harness.Fast()
	cfg.OpenGrace = 200 * time.Millisecond
	log, logged := logtest.NewNullLogger()
	hosts := []host.Host{harness.NewHost(t), harness.NewHost(t)}
	alice, err := syncmod.NewService(hosts[0], cfg, syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, alice.Start(t.Context()))
	bob := harness.StartService(t, hosts[1], cfg)
	for i := range 20 {
		_, err = alice.Open(harness.Define(fmt.Sprint("alice's ", i), hosts...))
		require.NoError(t, err)
	}
	_, err = bob.Open(harness.Define("bob's", hosts...))
	require.NoError(t, err)
	lines := func() (found []string) {
		for _, e := range logged.AllEntries() {
			if strings.Contains(e.Message, "asks for definition") {
				found = append(found, e.Message)
			}
		}
		return found
	}

	require.Eventually(t, func() bool { return len(lines()) > 0 }, harness.Patience, time.Millisecond)

	require.NoError(t, alice.Stop(harness.Within(t))) // after this, all lines are in the log
	require.Len(t, lines(), 1)
	require.Contains(t, lines()[0], "… and 12 more: all members need the same definition")
}

// The process that came first goes on. Alice tells the other process why she does not
// accept it.
func TestASharedKeyIsShownOnBothSides(t *testing.T) {
	key := harness.NewKey(t)
	alice, carol := harness.NewHost(t), harness.NewSilentHost(t)
	bobs := []host.Host{harness.NewHostWithKey(t, key), harness.NewHostWithKey(t, key)}
	def := harness.Define(t.Name(), alice, bobs[0], carol)
	def.Peers[1].Addrs = nil // so that bob dials
	log, logged := logtest.NewNullLogger()
	service, err := syncmod.NewService(alice, harness.Fast(), syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, service.Start(t.Context()))
	defer func() { require.NoError(t, service.Stop(harness.Within(t))) }()
	atAlice, err := service.Open(def)
	require.NoError(t, err)
	atBob := make([]*syncmod.Ceremony, len(bobs))
	for i, h := range bobs {
		atBob[i], err = harness.StartService(t, h, harness.Fast()).Open(def)
		require.NoError(t, err)
	}

	var displaced *syncmod.Ceremony // the ceremony that alice does not listen to
	require.Eventually(t, func() bool {
		for _, c := range atBob {
			if strings.Contains(c.Status().Peers[0].Waiting, "another process with this node's key takes part there") {
				displaced = c
			}
		}
		return displaced != nil
	}, harness.Patience, 10*time.Millisecond)
	require.ErrorContains(t, displaced.AwaitConnected(briefly(t)), "another process with this node's key")
	require.ErrorIs(t, atAlice.Status().Peers[0].LastError, syncmod.ErrKeyInUse)
	require.Eventually(t, func() bool {
		for _, e := range logged.AllEntries() {
			if e.Level == logrus.WarnLevel && e.Data["peer"] == 1 && strings.Contains(e.Message, "key") {
				return true
			}
		}
		return false
	}, harness.Patience, time.Millisecond)
	for _, c := range []*syncmod.Ceremony{atAlice, atBob[0], atBob[1]} {
		require.NoError(t, c.Err())
	}
}

func TestANodeRefusedAsAStrangerSaysSo(t *testing.T) {
	hosts := []host.Host{harness.NewHost(t), harness.NewHost(t), harness.NewHost(t)}
	alice, carol := harness.StartService(t, hosts[0], harness.Fast()), harness.StartService(t, hosts[2], harness.Fast())
	_, err := alice.Open(harness.Define(t.Name(), hosts[0], hosts[1]))
	require.NoError(t, err)

	c, err := carol.Open(harness.Define(t.Name(), hosts[0], hosts[2]))
	require.NoError(t, err)

	harness.Until(t, c, func(s syncmod.Status) bool {
		return s.Peers[0].LastError != nil && s.Peers[0].LastError.Error() ==
			"it does not list this node as a member of any open ceremony; compare definitions and keys"
	})
}

// The host may forget the addresses that it has learned at any time. This node still
// dials the address in the definition.
func TestAForgottenAddressIsStillDialled(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Patient())
	store := nodes[0].Host.Peerstore()
	store.AddAddrs(def.Peers[1].ID, def.Peers[1].Addrs, peerstore.TempAddrTTL)
	alice := harness.Open(t, nodes[:1], def)
	store.ClearAddrs(def.Peers[1].ID)
	def.Peers = []syncmod.Peer{{ID: def.Peers[0].ID}, {ID: def.Peers[1].ID}} // so that bob cannot dial
	bob := harness.Open(t, nodes[1:], def)

	connect(t, append(alice, bob...))
}

func TestAnAddressAddedByOthersIsKept(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	nodes[1].CloseHost()
	store := nodes[0].Host.Peerstore()
	c := harness.Open(t, nodes[:1], def)[0]
	store.AddAddrs(def.Peers[1].ID, def.Peers[1].Addrs, peerstore.PermanentAddrTTL)

	require.NoError(t, c.Close(harness.Within(t)))

	require.Equal(t, def.Peers[1].Addrs, store.Addrs(def.Peers[1].ID))
}

func TestLearnedAddressesOutliveTheCeremony(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	whole := def
	whole.Peers = []syncmod.Peer{def.Peers[0], {ID: def.Peers[1].ID}}
	suffix := multiaddr.StringCast("/p2p/" + def.Peers[1].ID.String())
	for _, a := range def.Peers[1].Addrs { // in the form that definitions often have
		whole.Peers[1].Addrs = append(whole.Peers[1].Addrs, a.Encapsulate(suffix))
	}
	ceremonies := append(harness.Open(t, nodes[:1], whole), harness.Open(t, nodes[1:], def)...)
	connect(t, ceremonies)

	closeAll(t, ceremonies)

	store, id := nodes[0].Host.Peerstore(), def.Peers[1].ID
	require.ElementsMatch(t, def.Peers[1].Addrs, store.Addrs(id))
	require.NoError(t, nodes[0].Host.Network().ClosePeer(id))
	store.UpdateAddrs(id, peerstore.PermanentAddrTTL, time.Hour)
	require.Eventually(t, func() bool { // the host decides when to forget it
		store.UpdateAddrs(id, peerstore.RecentlyConnectedAddrTTL, 0)
		store.UpdateAddrs(id, peerstore.TempAddrTTL, 0)
		return len(store.Addrs(id)) == 0
	}, harness.Patience, 10*time.Millisecond)
}
