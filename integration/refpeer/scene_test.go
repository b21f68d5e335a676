package refpeer_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/integration/refpeer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

func newHost(t testing.TB, raw []byte) host.Host {
	t.Helper()
	key, err := crypto.UnmarshalSecp256k1PrivateKey(raw)
	require.NoError(t, err)
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics(), libp2p.DisableRelay())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func newKey() []byte {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return raw
}

func newPeer(t testing.TB, h host.Host, def refpeer.Definition, opts refpeer.Options) *refpeer.Peer {
	t.Helper()
	p, err := refpeer.New(h, def, opts)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// newPeers makes one peer for each variant, on hosts that know each other.
func newPeers(t testing.TB, variants ...refpeer.Variant) ([]host.Host, []*refpeer.Peer) {
	t.Helper()
	def := refpeer.Definition{Hash: []byte(t.Name())}
	var hosts []host.Host
	for range variants {
		h := newHost(t, newKey())
		for _, other := range hosts {
			meet(t, h, other)
		}
		hosts = append(hosts, h)
		def.Peers = append(def.Peers, h.ID())
	}
	var peers []*refpeer.Peer
	for i, v := range variants {
		peers = append(peers, newPeer(t, hosts[i], def, refpeer.Options{Variant: v, Version: "v1.11"}))
	}
	return hosts, peers
}

func meet(t testing.TB, a, b host.Host) {
	t.Helper()
	require.NoError(t, a.Connect(within(t), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}))
}

func openStream(t testing.TB, from, to host.Host) network.Stream {
	t.Helper()
	stream, err := from.NewStream(within(t), to.ID(), refpeer.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Reset() })
	return stream
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func frameOf(payload []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(payload))), payload...)
}

// requireSilent listens for so long, and hears neither a byte nor an end.
func requireSilent(t testing.TB, stream network.Stream, d time.Duration) {
	t.Helper()
	require.NoError(t, stream.SetReadDeadline(time.Now().Add(d)))
	_, err := stream.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), err)
}

// eventually waits until something is so that no event tells of.
func eventually(t testing.TB, so func() bool, what string) {
	t.Helper()
	require.Eventually(t, so, patience, time.Millisecond, what)
}

// hearing is a host that a test answers by hand, and a client that talks to it.
func hearing(t testing.TB) (*refpeer.Peer, host.Host, <-chan network.Stream) {
	t.Helper()
	hosts, peers := newPeers(t, refpeer.CharonLike, refpeer.CharonLike)
	streams := make(chan network.Stream, 16)
	hosts[1].SetStreamHandler(refpeer.ProtocolID, func(s network.Stream) { streams <- s })
	return peers[0], hosts[1], streams
}
