package hostile_test

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// gated is the fate of a stranger's stream.
const gated = "reset: gated"

// newStranger returns a peer that is no member. Only the nodes that it meets limit it.
func newStranger(t testing.TB) *harness.RawPeer {
	t.Helper()
	return &harness.RawPeer{Host: harness.NewSilentHost(t, libp2p.ResourceManager(&network.NullResourceManager{}))}
}

// members is a cluster without a hostile member. Tests can read its metrics.
type members struct {
	*harness.Cluster
	metrics *sdkmetric.ManualReader
}

// newMembers starts three nodes in a ceremony that has passed step 1, with the default
// configuration.
func newMembers(t testing.TB, opts ...harness.Option) *members {
	t.Helper()
	opts = append([]harness.Option{harness.With(syncmod.Config{})}, opts...)
	m := &members{harness.New(t, 3, opts...), sdkmetric.NewManualReader()}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(m.metrics))
	for i, n := range m.Nodes {
		require.NoError(t, n.Run(
			fx.Supply(fx.Annotate(provider, fx.As(new(metric.MeterProvider)))),
			fx.Supply(m.Definition(i, t.Name())), fx.Populate(&n.Ceremony),
		))
	}
	m.Advance(m.All()...)
	return m
}

// refusedStrangers returns how many streams of strangers the nodes have counted.
func (m *members) refusedStrangers(t testing.TB) (n int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, m.metrics.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, found := range scope.Metrics {
			if found.Name != "dkgsync.rejections" {
				continue
			}
			for _, point := range found.Data.(metricdata.Sum[int64]).DataPoints {
				kind, _ := point.Attributes.Value("error.type")
				require.Equal(t, "not_a_member", kind.AsString())
				n += point.Value
			}
		}
	}
	return n
}

// bobsRequest returns a request that only bob may send, with his signature of the definition.
func bobsRequest(t testing.TB, c *harness.Cluster, says ...harness.Saying) []byte {
	t.Helper()
	def := syncmod.Definition{Hash: harness.Hash(t.Name())}
	says = append([]harness.Saying{step(1), definitionHash(def.Hash)}, says...)
	return harness.Frame(c.Raw(bob).Request(t, def, says...))
}

func TestEveryStrangerIsRefused(t *testing.T) {
	m := newMembers(t)
	says := map[string][]byte{
		"nothing":                          nil,
		"garbage":                          garbage(64 << 10),
		"a claim of 8 EiB":                 harness.Claim(1<<63 - 1),
		"half a frame":                     harness.Claim(100),
		"what a member says":               bobsRequest(t, m.Cluster),
		"that a member has another step":   bobsRequest(t, m.Cluster, step(9)),
		"a member's goodbye":               bobsRequest(t, m.Cluster, goodbye),
		"a member's abort":                 bobsRequest(t, m.Cluster, abort("no more", m.Nodes[carol].ID())),
		"what a terminal obeys":            []byte(evil),
		"a nickname that is a whole frame": bobsRequest(t, m.Cluster, nickname(long(fits))),
	}
	s := newStranger(t)
	s.Connect(t, m.Nodes[alice].Host)
	for what, b := range says {
		require.Equal(t, gated, s.Knock(t.Context(), m.Nodes[alice].Host, b), what)
	}

	m.Advance(m.All()...)
	require.Eventually(t, func() bool {
		return m.refusedStrangers(t) == int64(len(says))
	}, harness.Patience, time.Millisecond)
	require.Contains(t, m.Nodes[alice].Logged(), "refused a stranger")
	require.NotContains(t, m.Nodes[alice].Logged(), "FORGED")
}

func TestASilentStrangerIsRefused(t *testing.T) {
	m := newMembers(t)
	s := newStranger(t)
	s.Connect(t, m.Nodes[alice].Host)
	opened, err := s.Host.NewStream(t.Context(), m.Nodes[alice].ID(), syncmod.ProtocolID)
	if err == nil {
		defer func() { _ = opened.Reset() }()
		_ = opened.SetReadDeadline(time.Now().Add(harness.Patience))
		_, err = opened.Read(make([]byte, 1))
	}
	require.Equal(t, gated, harness.EndOf(err))
}

func TestAnEarlyStrangerIsRefused(t *testing.T) {
	c := harness.New(t, 2, unlimited())
	c.Idle()
	s := newStranger(t)
	s.Connect(t, c.Nodes[alice].Host)
	fates := make(chan string)
	const streams = 100
	says := bobsRequest(t, c)
	for range streams {
		go func() { fates <- s.Knock(t.Context(), c.Nodes[alice].Host, says) }()
	}
	for range streams - 1 {
		require.Equal(t, "reset: rate limited", <-fates) // one is kept, because it might be a member's
	}

	c.Open(t.Name())

	require.Equal(t, gated, <-fates)
	c.Advance(c.All()...)
}
