package telemetry_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry"
)

const patience = time.Minute

// node is a member with its own providers, as on its own machine.
type node struct {
	host    host.Host
	service *syncmod.Service
	spans   *tracetest.SpanRecorder
	reader  *sdkmetric.ManualReader
}

func newNode(t *testing.T, version string) *node {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	log := logrus.New()
	log.SetOutput(io.Discard)
	n := &node{host: h, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	cfg := syncmod.Config{
		Version: version, Heartbeat: 50 * time.Millisecond, PeerTimeout: time.Second, BackoffMin: 10 * time.Millisecond,
		BackoffMax: 100 * time.Millisecond,
	}
	n.service, err = syncmod.NewService(h, cfg, syncmod.WithLogger(log),
		syncmod.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(n.spans))),
		syncmod.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(n.reader))))
	require.NoError(t, err)
	require.NoError(t, n.service.Start(t.Context()))
	return n
}

func newNodes(t *testing.T, count int) ([]*node, syncmod.Definition) {
	t.Helper()
	return newNodesThatRun(t, make([]string, count)...)
}

func newNodesThatRun(t *testing.T, versions ...string) ([]*node, syncmod.Definition) {
	t.Helper()
	def := syncmod.Definition{Hash: []byte(t.Name())[:min(len(t.Name()), 64)]}
	nodes := make([]*node, len(versions))
	for i := range nodes {
		nodes[i] = newNode(t, versions[i])
		def.Peers = append(def.Peers, syncmod.Peer{
			ID: nodes[i].host.ID(), Name: fmt.Sprint("node", i), Addrs: nodes[i].host.Addrs(),
		})
	}
	return nodes, def
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, n.service.Stop(ctx))
}

// named returns the ended spans of the given kind in which the attribute
// dkgsync.span has the given value.
func (n *node) named(name string, kind trace.SpanKind) (spans []sdktrace.ReadOnlySpan) {
	for _, span := range n.spans.Ended() {
		if attrs(span)["dkgsync.span"] == name && span.SpanKind() == kind {
			spans = append(spans, span)
		}
	}
	return spans
}

// awaitStreamSpans returns a step that waits until the spans of that many outbound
// streams exist. What is sent after that carries a traceparent.
func (n *node) awaitStreamSpans(streams int) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			started := 0
			for _, span := range n.spans.Started() {
				if attrs(span)["dkgsync.span"] == "dkgsync.stream" && span.SpanKind() == trace.SpanKindClient {
					started++
				}
			}
			if started >= streams {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// connected waits until a ceremony is connected.
func connected(ctx context.Context, _ int, c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) }

// run calls a function for every node's ceremony, all at the same time.
func run(t *testing.T, nodes []*node, def syncmod.Definition,
	f func(context.Context, int, *syncmod.Ceremony) error,
) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	errs, done := make([]error, len(nodes)), make(chan struct{})
	for i, n := range nodes {
		go func() {
			defer func() { done <- struct{}{} }()
			c, err := n.service.Open(def)
			if err == nil {
				err = f(ctx, i, c)
			}
			errs[i] = err
		}()
	}
	for range nodes {
		<-done
	}
	return errs
}

func TestAllSpansMeetInOneTrace(t *testing.T) {
	nodes, def := newNodes(t, 3)
	const steps = 2

	for _, err := range run(t, nodes, def, func(ctx context.Context, i int, c *syncmod.Ceremony) error {
		deal := syncmod.Step{Name: "deal", Run: nodes[i].awaitStreamSpans(len(nodes) - 1)}
		return c.Run(ctx, deal, syncmod.Step{Name: "verify"})
	}) {
		require.NoError(t, err)
	}
	clients := make(map[trace.SpanID]bool)
	for _, n := range nodes {
		n.stop(t)
		require.ElementsMatch(t, spanIDs(n.spans.Started()), spanIDs(n.spans.Ended()),
			"every span has ended when the service is stopped")
		for _, span := range n.named("dkgsync.stream", trace.SpanKindClient) {
			clients[span.SpanContext().SpanID()] = true
		}
	}

	for i, n := range nodes {
		for _, span := range n.spans.Ended() {
			require.Equal(t, telemetry.TraceID(def.Hash), span.SpanContext().TraceID())
			require.Equal(t, codes.Unset, span.Status().Code, span.Name())
		}
		require.Len(t, n.named("dkgsync.ceremony.start", trace.SpanKindInternal), 1)
		require.Len(t, n.named("dkgsync.step", trace.SpanKindInternal), steps)
		require.Len(t, n.named("dkgsync.connect", trace.SpanKindClient), len(nodes)-1)
		whole := n.named("dkgsync.ceremony", trace.SpanKindInternal)
		require.Len(t, whole, 1)
		require.Equal(t, "complete", attrs(whole[0])["dkgsync.outcome"])
		barriers := n.named("dkgsync.barrier", trace.SpanKindInternal)
		require.Len(t, barriers, 1+steps+1+1, "connected, the steps, the last one, goodbyes")
		for _, barrier := range barriers {
			require.Len(t, barrier.Events(), len(nodes)-1, "node %d: %v", i, attrs(barrier))
		}
		served := n.named("dkgsync.stream", trace.SpanKindServer)
		require.GreaterOrEqual(t, len(served), len(nodes)-1)
		for _, span := range served {
			require.Len(t, span.Links(), 1)
			require.True(t, clients[span.Links()[0].SpanContext.SpanID()], "the link leads to a span of the peer")
		}
	}
}

func TestAnAbortIsAnErrorEverywhere(t *testing.T) {
	nodes, def := newNodes(t, 3)
	errs := run(t, nodes, def, func(ctx context.Context, i int, c *syncmod.Ceremony) error {
		if _, err := c.Advance(ctx); err != nil {
			return err
		}
		if i == 1 {
			c.Abort(io.ErrUnexpectedEOF)
		}
		_, err := c.Advance(ctx)
		return err
	})

	for i, n := range nodes {
		require.Error(t, errs[i])
		n.stop(t)
		require.ElementsMatch(t, spanIDs(n.spans.Started()), spanIDs(n.spans.Ended()))
		whole := n.named("dkgsync.ceremony", trace.SpanKindInternal)[0]
		require.Equal(t, codes.Error, whole.Status().Code)
		require.Equal(t, "failed", attrs(whole)["dkgsync.outcome"])
		want := "peer_aborted"
		if i == 1 {
			want = "aborted"
		}
		require.Equal(t, want, attrs(whole)["error.type"])
	}
}

func TestARefusalIsAStreamError(t *testing.T) {
	nodes, def := newNodesThatRun(t, "v1.0", "v1.1")
	for _, err := range run(t, nodes, def, connected) {
		require.Error(t, err)
	}

	types := make(map[any]bool)
	for _, n := range nodes {
		n.stop(t)
		require.ElementsMatch(t, spanIDs(n.spans.Started()), spanIDs(n.spans.Ended()))
		served := n.named("dkgsync.stream", trace.SpanKindServer)
		opened := n.named("dkgsync.stream", trace.SpanKindClient)
		for _, span := range append(served, opened...) {
			if span.Status().Code == codes.Error {
				require.Equal(t, "refused", attrs(span)["dkgsync.stream.end_reason"])
				types[attrs(span)["error.type"]] = true
			}
		}
	}
	require.True(t, types["version_mismatch"], types)
}

func TestAWaitShowsInTheMetrics(t *testing.T) {
	nodes, def := newNodes(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	early, err := nodes[0].service.Open(def)
	require.NoError(t, err)

	require.Eventually(t, func() bool { return len(missing(t, nodes[0])) > 0 }, patience, time.Millisecond,
		"metrics are registered soon after the ceremony was opened")
	require.Equal(t, map[string]int64{"connected": 1}, missing(t, nodes[0]))

	late, err := nodes[1].service.Open(def)
	require.NoError(t, err)
	require.NoError(t, early.AwaitConnected(ctx))
	require.NoError(t, late.AwaitConnected(ctx))
	require.Empty(t, missing(t, nodes[0]))
	nodes[0].stop(t)
	nodes[1].stop(t)
}

func missing(t *testing.T, n *node) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, n.reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == "dkgsync.barrier.missing" {
				return sums(t, m)
			}
		}
	}
	return nil
}

func TestMissingGoodbyesAreOneBarrier(t *testing.T) {
	nodes, def := newNodes(t, 2)
	errs := run(t, nodes, def, func(ctx context.Context, i int, c *syncmod.Ceremony) error {
		if i == 1 { // bob reaches the last barrier, but says no goodbye
			_, err := c.Advance(ctx)
			return err
		}
		brief, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer cancel()
			for s := range c.Watch(brief) {
				if wait := s.WaitingFor(); wait != nil && strings.Contains(wait.Error(), "to say goodbye") {
					return
				}
			}
		}()
		return c.Complete(brief)
	})
	require.ErrorContains(t, errs[0], "to say goodbye")
	require.Equal(t, syncmod.Complete, nodes[0].service.Ceremonies()[0].Status().Phase)
	nodes[1].stop(t)
	nodes[0].stop(t)

	require.Equal(t, uint64(1), shutdownBarriers(t, nodes[0]))
	shutdowns := 0
	for _, span := range nodes[0].named("dkgsync.barrier", trace.SpanKindInternal) {
		if attrs(span)["dkgsync.barrier.kind"] == "shutdown" {
			shutdowns++
		}
	}
	require.Equal(t, 1, shutdowns)
}

// shutdownBarriers returns how many waits for goodbyes have been recorded.
func shutdownBarriers(t *testing.T, n *node) (count uint64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, n.reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "dkgsync.barrier.duration" {
				continue
			}
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				if kind, _ := p.Attributes.Value("dkgsync.barrier.kind"); kind.AsString() == "shutdown" {
					count += p.Count
				}
			}
		}
	}
	return count
}

func TestALostStreamIsReplaced(t *testing.T) {
	nodes, def := newNodes(t, 2)
	for _, err := range run(t, nodes, def, connected) {
		require.NoError(t, err)
	}

	require.NoError(t, nodes[0].host.Network().ClosePeer(nodes[1].host.ID()))
	reconnects := func() []sdktrace.ReadOnlySpan { return nodes[0].named("dkgsync.reconnect", trace.SpanKindClient) }
	require.Eventually(t, func() bool { return len(reconnects()) > 0 }, patience, time.Millisecond)
	nodes[0].stop(t)
	nodes[1].stop(t)

	spans := reconnects()
	require.Contains(t, []any{"lost", "closed"}, attrs(spans[0])["dkgsync.connect.reason"])
	streams := nodes[0].named("dkgsync.stream", trace.SpanKindClient)
	require.Equal(t, streams[0].SpanContext().SpanID(), spans[0].Links()[0].SpanContext.SpanID())
	require.Equal(t, codes.Unset, streams[0].Status().Code, "a replaced stream is not an error")
}
