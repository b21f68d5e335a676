package refpeer_test

import (
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
		h := harness.NewHost(t)
		for _, other := range hosts {
			harness.Connect(t, h, other)
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

func openStream(t testing.TB, from, to host.Host) harness.RawStream {
	t.Helper()
	return (&harness.RawPeer{Host: from}).Open(t, to)
}

// requireSilent requires that neither a byte nor an end of the stream arrives within d.
func requireSilent(t testing.TB, stream harness.RawStream, d time.Duration) {
	t.Helper()
	require.NoError(t, stream.SetReadDeadline(time.Now().Add(d)))
	_, err := stream.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), err)
}

// hearing returns a client, and a host on which the test answers that
// client by hand.
func hearing(t testing.TB) (*refpeer.Peer, host.Host, <-chan harness.RawStream) {
	t.Helper()
	hosts, peers := newPeers(t, refpeer.CharonLike, refpeer.CharonLike)
	streams := make(chan harness.RawStream, 16)
	hosts[1].SetStreamHandler(refpeer.ProtocolID, func(s network.Stream) { streams <- harness.RawStream{Stream: s} })
	return peers[0], hosts[1], streams
}
