package prometheus_test

import (
	"context"
	"errors"
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

const members, pushes, straggler = 4, 2, 3

// scene has long-lived nodes that serve their metrics, as environment variables tell them
// to. One of them pushes its metrics instead.
type scene struct {
	t        *testing.T
	cluster  *harness.Cluster
	services []*syncmod.Service
}

func newScene(t *testing.T, prometheus *server, ports []int) *scene {
	t.Helper()
	s := &scene{t: t, cluster: harness.New(t, members, harness.Links())}
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://"+prometheus.address+"/api/v1/otlp/v1/metrics")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
	for i, n := range s.cluster.Nodes {
		exporter := "prometheus"
		if i == pushes {
			exporter = "otlp"
		}
		t.Setenv("OTEL_METRICS_EXPORTER", exporter)
		t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", fmt.Sprint(ports[i]))
		name := harness.Name(i)
		var service *syncmod.Service
		app := fx.New(
			fx.Provide(func() host.Host { return n.Host }),
			fx.Supply(harness.Quiet(), otelsdk.Identity{
				Service: telemetry.ServiceName(name, i), Namespace: "dkg", Instance: name,
			}),
			lifecycle.WithFxLogger(),
			otelsdk.Module,
			dkgsync.Module,
			syncmod.Configure(syncmod.Config{Heartbeat: 100 * time.Millisecond, PeerTimeout: -1}),
			fx.Populate(&service),
		)
		require.NoError(t, app.Err())
		require.NoError(t, app.Start(t.Context()))
		t.Cleanup(func() { require.NoError(t, app.Stop(harness.Within(t))) })
		s.services = append(s.services, service)
	}
	return s
}

// run runs a ceremony on all nodes until it is over, and returns their errors.
func (s *scene) run(about string, work func(node int) error) []error {
	s.t.Helper()
	errs, done := make([]error, members), make(chan struct{})
	for i, service := range s.services {
		go func() {
			defer func() { done <- struct{}{} }()
			steps := func(*syncmod.Ceremony) ([]syncmod.Step, error) {
				return []syncmod.Step{{Name: "deal", Run: func(context.Context) error { return work(i) }}}, nil
			}
			_, errs[i] = service.Run(harness.Within(s.t), s.cluster.Definition(i, about), steps)
		}()
	}
	for range s.services {
		<-done
	}
	return errs
}

// everything plays a complete ceremony, a failed one, two in which a node is alone, and a stranger's
// visit. Then it plays a ceremony that goes on, with a straggler for whom the others wait, a replaced connection,
// and two members that cannot reach each other.
func (s *scene) everything() {
	t := s.t
	t.Helper()
	for _, err := range s.run("complete", func(int) error { return nil }) {
		require.NoError(t, err)
	}
	for _, err := range s.run("fails", func(node int) error {
		if node == 1 {
			return syncmod.Permanent(errors.New("the disk is full"))
		}
		return nil
	}) {
		require.Error(t, err)
	}
	require.NoError(t, s.alone("nobody else comes").Close(harness.Within(t)))
	s.alone("nobody else has come yet")
	ceremonies := s.stuck()
	s.stranger()

	nodes := s.cluster
	nodes.Link(0, 1).Drop()
	nodes.Link(1, 0).Drop()
	harness.Until(t, ceremonies[0], func(now syncmod.Status) bool {
		bob := now.Peers[0]
		return bob.Reconnects > 0 && harness.Connected(bob)
	})
	for _, link := range nodes.Between([]int{1}, []int{2}) {
		link.Cut()
	}
	harness.Until(t, ceremonies[0], func(now syncmod.Status) bool { return len(now.Broken) > 0 })
}

// alone opens a ceremony with a member that is gone, and waits until the
// node has tried to reach that member.
func (s *scene) alone(about string) *syncmod.Ceremony {
	s.t.Helper()
	gone, node := harness.NewHost(s.t), s.cluster.Nodes[0].Host
	definition := harness.Define(about, node, gone)
	require.NoError(s.t, gone.Close())
	c, err := s.services[0].Open(definition)
	require.NoError(s.t, err)
	harness.Until(s.t, c, func(now syncmod.Status) bool { return now.Peers[0].Attempts > 1 })
	return c
}

// stuck opens a ceremony that waits for the straggler until the test
// ends.
func (s *scene) stuck() (ceremonies []*syncmod.Ceremony) {
	t := s.t
	t.Helper()
	ctx, over := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		over()
		for range s.services {
			<-done
		}
	})
	for i, service := range s.services {
		c, err := service.Open(s.cluster.Definition(i, "stuck"))
		require.NoError(t, err)
		ceremonies = append(ceremonies, c)
		deal := syncmod.Step{Name: "deal", Run: func(ctx context.Context) error {
			if i == straggler {
				<-ctx.Done()
			}
			return ctx.Err()
		}}
		go func() {
			defer func() { done <- struct{}{} }()
			_ = c.Run(ctx, deal, syncmod.Step{Name: "verify"})
		}()
	}
	for _, c := range ceremonies[:straggler] {
		harness.Until(t, c, func(now syncmod.Status) bool { return now.Step == 2 })
	}
	return ceremonies
}

// stranger lets a stranger ask a node whether it may take part.
func (s *scene) stranger() {
	t := s.t
	t.Helper()
	stranger, node := harness.NewHost(t), s.cluster.Nodes[0].Host
	harness.Connect(t, node, stranger) // in this direction: others reach the node only through links
	stream, err := stranger.NewStream(harness.Within(t), node.ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	_, err = stream.Read(make([]byte, 1))
	require.Error(t, err)
}
