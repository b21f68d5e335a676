package jaeger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// cluster has the nodes of one ceremony. They are real programs, except that they share a process.
type cluster struct {
	t          *testing.T
	services   []string // by operator index
	definition syncmod.Definition
	hosts      []host.Host
	apps       []*fx.App
	ceremonies []*syncmod.Ceremony
}

// newCluster makes nodes that export to Jaeger over a protocol. As an operator would,
// it only sets environment variables.
func newCluster(t *testing.T, n int, protocol string, steps func(node int) []syncmod.Step) *cluster {
	t.Helper()
	if server == nil {
		t.Skip("no JAEGER_BIN: make test-jaeger")
	}
	endpoint := map[string]int{"grpc": server.otlpGRPC, "http/protobuf": server.otlpHTTP}[protocol]
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", fmt.Sprint("http://127.0.0.1:", endpoint))
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100") // ms
	hash := harness.Hash(fmt.Sprint(t.Name(), time.Now()))
	c := &cluster{t: t, definition: syncmod.Definition{Hash: hash}}
	for i := range n {
		h := harness.NewHost(t)
		name := fmt.Sprintf("%x-%s", hash[:4], nodeName(i)) // all tests use the same Jaeger
		c.hosts = append(c.hosts, h)
		c.services = append(c.services, telemetry.ServiceName(name, i))
		c.definition.Peers = append(c.definition.Peers, syncmod.Peer{ID: h.ID(), Name: name, Addrs: h.Addrs()})
	}
	for i, h := range c.hosts {
		var ceremony *syncmod.Ceremony
		app := fx.New(
			dkgsync.Module,
			otelsdk.Module,
			lifecycle.WithFxLogger(),
			fx.Provide(func() host.Host { return h }),
			fx.Supply(c.definition, harness.Quiet(), otelsdk.Identity{Service: c.services[i], Instance: nodeName(i)}),
			syncmod.Configure(syncmod.Config{Heartbeat: 100 * time.Millisecond, PeerTimeout: harness.Patience}),
			syncmod.RunSteps(func() []syncmod.Step { return steps(i) }),
			fx.Populate(&ceremony),
		)
		require.NoError(t, app.Err())
		c.apps = append(c.apps, app)
		c.ceremonies = append(c.ceremonies, ceremony)
	}
	return c
}

func nodeName(i int) string { return fmt.Sprint("node", i) }

func (c *cluster) traceID() string { return telemetry.TraceID(c.definition.Hash).String() }

func (c *cluster) start(nodes ...int) {
	c.t.Helper()
	for _, i := range nodes {
		require.NoError(c.t, c.apps[i].Start(c.t.Context()))
	}
}

// stop stops nodes, which flushes their spans.
func (c *cluster) stop(nodes ...int) {
	c.t.Helper()
	ctx := harness.Within(c.t)
	for _, i := range nodes {
		require.NoError(c.t, c.apps[i].Stop(ctx))
	}
}

// done waits until the ceremony is over on every node.
func (c *cluster) done() {
	c.t.Helper()
	for i, ceremony := range c.ceremonies {
		select {
		case <-ceremony.Done():
		case <-time.After(harness.Patience):
			require.Fail(c.t, "the ceremony is not over", "%s: %+v", nodeName(i), ceremony.Status())
		}
	}
}

// until waits until the status of a node fulfils a condition.
func (c *cluster) until(node int, ok func(syncmod.Status) bool) {
	c.t.Helper()
	harness.Until(c.t, c.ceremonies[node], ok)
}
