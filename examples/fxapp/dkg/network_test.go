package dkg

import (
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// keysOfAllTypes returns a key of each type that libp2p has. For two of the types, the
// peer ID does not contain the key.
func keysOfAllTypes(t testing.TB) []crypto.PrivKey {
	t.Helper()
	var all []crypto.PrivKey
	for _, of := range []int{crypto.Secp256k1, crypto.Ed25519, crypto.ECDSA, crypto.RSA} {
		key, _, err := crypto.GenerateKeyPairWithReader(of, 2048, rand.Reader)
		require.NoError(t, err)
		all = append(all, key)
	}
	return all
}

func TestEveryNetworkWorks(t *testing.T) {
	for name, opts := range map[string][]harness.Option{
		"TCP over IPv6": {harness.TCP6()},
		"QUIC":          {harness.QUIC()},
		"relay":         {harness.Behind(harness.NewRelay(t, time.Minute, 1<<17))},
		"all key types": {harness.Keys(keysOfAllTypes(t)...)},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := harness.New(t, 4, opts...)
			var hosts []host.Host
			for _, n := range nodes.Nodes {
				hosts = append(hosts, n.Host)
			}
			definition := nodes.Definition(0, t.Name())
			definition.Peers[0].Addrs = nodes.Definition(1, t.Name()).Peers[0].Addrs

			requireOneKey(t, clusterOf(t, config(1), definition, hosts).complete())
		})
	}
}

func TestALostStreamIsOpenedAgain(t *testing.T) {
	c := newCluster(t, 2)
	var asked atomic.Int32
	c.nodes[bob].change = handling(deals, func(a *attempt, s network.Stream) {
		switch asked.Add(1) {
		case 1:
			_ = s.Reset()
		case 2: // in the middle of the message
			_, _ = s.Write(a.generator.message(a, deals)[:100])
			_ = s.Reset()
		case 3:
			_ = s.Conn().Close()
		default:
			a.generator.handle(deals)(s)
		}
	})
	requireOneKey(t, c.complete())
	require.EqualValues(t, 4, asked.Load())
}

func TestALateMemberIsWaitedFor(t *testing.T) {
	c := newCluster(t, 2)
	var asked atomic.Int32
	c.nodes[bob].change = func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		a.generator.host.SetStreamHandler(protocols[responses], func(s network.Stream) {
			if asked.Add(1) == 1 {
				_ = s.Close() // it has made no message yet
				return
			}
			a.generator.handle(responses)(s)
		})
		return steps
	}
	requireOneKey(t, c.complete())
	require.EqualValues(t, 2, asked.Load())
}
