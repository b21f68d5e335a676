package telemetry_test

import (
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/syncmod"
)

// viaRelay returns the addresses of a host at a relay, and no others.
func viaRelay(t *testing.T, relay, h host.Host) []multiaddr.Multiaddr {
	t.Helper()
	_, err := client.Reserve(t.Context(), h, peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()})
	require.NoError(t, err)
	circuit := multiaddr.StringCast("/p2p/" + relay.ID().String() + "/p2p-circuit")
	addrs := make([]multiaddr.Multiaddr, 0, len(relay.Addrs()))
	for _, a := range relay.Addrs() {
		addrs = append(addrs, a.Encapsulate(circuit))
	}
	return addrs
}

func TestAMovedStreamIsNotLost(t *testing.T) {
	newHost := func(opts ...libp2p.Option) host.Host {
		h, err := libp2p.New(append(opts, libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())...)
		require.NoError(t, err)
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	relay := newHost(libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	def := syncmod.Definition{Hash: []byte(t.Name())[:32]}
	nodes := make([]*node, 2)
	for i := range nodes {
		h := newHost(libp2p.EnableRelay())
		def.Peers = append(def.Peers, syncmod.Peer{ID: h.ID(), Addrs: viaRelay(t, relay, h)})
		log := logrus.New()
		log.SetOutput(io.Discard)
		n := &node{host: h, spans: tracetest.NewSpanRecorder()}
		var err error
		cfg := syncmod.Config{Heartbeat: 50 * time.Millisecond}
		n.service, err = syncmod.NewService(h, cfg, syncmod.WithLogger(log),
			syncmod.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(n.spans))))
		require.NoError(t, err)
		require.NoError(t, n.service.Start(t.Context()))
		nodes[i] = n
	}
	for _, err := range run(t, nodes, def, connected) {
		require.NoError(t, err)
	}
	c := nodes[0].service.Ceremonies()[0]
	require.True(t, c.Status().Peers[0].Relayed)

	began := time.Now()
	nodes[0].host.Peerstore().AddAddrs(nodes[1].host.ID(), nodes[1].host.Addrs(), peerstore.TempAddrTTL)
	direct := network.WithForceDirectDial(t.Context(), "test")
	require.NoError(t, nodes[0].host.Connect(direct, peer.AddrInfo{
		ID: nodes[1].host.ID(), Addrs: nodes[1].host.Addrs(),
	}))
	require.Eventually(t, func() bool { return len(nodes[0].named("dkgsync.reconnect", trace.SpanKindClient)) > 0 },
		patience, 10*time.Millisecond)
	require.Zero(t, c.Status().Peers[0].Reconnects)
	nodes[0].stop(t)
	nodes[1].stop(t)

	moved := nodes[0].named("dkgsync.reconnect", trace.SpanKindClient)
	require.Len(t, moved, 1)
	require.Equal(t, "moved", attrs(moved[0])["dkgsync.connect.reason"])
	require.Equal(t, false, attrs(moved[0])["dkgsync.connect.relayed"])
	require.False(t, moved[0].StartTime().Before(began), "the span covers the move, not the previous stream")
	streams := nodes[0].named("dkgsync.stream", trace.SpanKindClient)
	require.Len(t, streams, 2)
	require.Equal(t, "moved", attrs(streams[0])["dkgsync.stream.end_reason"])
	require.Equal(t, true, attrs(streams[0])["dkgsync.stream.relayed"])
	require.Equal(t, streams[0].SpanContext().SpanID(), moved[0].Links()[0].SpanContext.SpanID())
	require.Equal(t, "stopped", attrs(streams[1])["dkgsync.stream.end_reason"])
	for _, n := range nodes {
		require.ElementsMatch(t, spanIDs(n.spans.Started()), spanIDs(n.spans.Ended()))
	}
}
