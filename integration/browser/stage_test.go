package browser

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

const (
	alice = iota // the page is hers
	bob
	carol
	dave
)

// patient returns a configuration in which nodes wait long for each other.
func patient() syncmod.Config {
	config := harness.Patient()
	config.Heartbeat = 200 * time.Millisecond
	config.GoodbyeTimeout = 2 * time.Second
	return config
}

// stage is a cluster, the work of its nodes, and the page of the first node.
type stage struct {
	*harness.Cluster
	t    *testing.T
	page *statuspage.Page                                                  // of alice's node, from the start
	work map[int]map[string]func(context.Context, *syncmod.Ceremony) error // by node and step name
	ends map[int]chan error
}

// steps names the steps of every ceremony here.
var steps = []string{"exchange keys", "deal", "verify", "store"}

func newStage(t *testing.T, members int, options ...harness.Option) *stage {
	t.Helper()
	s := &stage{
		t: t, Cluster: harness.New(t, members, append([]harness.Option{harness.With(patient())}, options...)...),
		work: make(map[int]map[string]func(context.Context, *syncmod.Ceremony) error), ends: make(map[int]chan error),
	}
	return s
}

// Start starts nodes with their ceremonies, and serves the page of the first node.
func (s *stage) Start(nodes ...int) {
	s.t.Helper()
	s.Cluster.Start(nodes...)
	if s.page == nil && s.Nodes[alice].Service != nil {
		s.page = statuspage.New(s.Nodes[alice].Service)
		s.t.Cleanup(s.page.Close)
	}
}

// look lets nodes rehearse.
func (s *stage) look(nodes ...int) {
	s.t.Helper()
	for _, i := range nodes {
		c, err := s.Nodes[i].Service.Open(s.Definition(i, s.t.Name()), syncmod.Observe())
		require.NoError(s.t, err)
		s.Nodes[i].Ceremony = c
	}
}

// setWork sets what a node does in a step.
func (s *stage) setWork(node int, step string, work func(context.Context, *syncmod.Ceremony) error) {
	if s.work[node] == nil {
		s.work[node] = make(map[string]func(context.Context, *syncmod.Ceremony) error)
	}
	s.work[node][step] = work
}

// stepsOf returns the steps of a node.
func (s *stage) stepsOf(node int, c *syncmod.Ceremony) (all []syncmod.Step) {
	for _, name := range steps {
		step := syncmod.Step{Name: name}
		if work := s.work[node][name]; work != nil {
			step.Run = func(ctx context.Context) error { return work(ctx, c) }
		}
		all = append(all, step)
	}
	return all
}

// run runs the ceremonies of nodes that have been started.
func (s *stage) run(nodes ...int) {
	for _, i := range nodes {
		s.runs(i, s.Nodes[i].Ceremony)
	}
}

// runs starts a node's ceremony. The ceremony goes on until it is over, or until
// the test is over.
func (s *stage) runs(node int, c *syncmod.Ceremony) {
	ended := make(chan error, 1)
	s.ends[node] = ended
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		ended <- c.Run(ctx, s.stepsOf(node, c)...)
	}()
}

// serve serves the page of a node's service and returns its URL.
func serve(t *testing.T, s *syncmod.Service) string {
	t.Helper()
	p := statuspage.New(s)
	url := serveHandler(t, p)
	t.Cleanup(p.Close) // ends open requests
	return url
}

func serveHandler(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/"
}

// hang is work that does not end by itself.
func hang(ctx context.Context, _ *syncmod.Ceremony) error {
	<-ctx.Done()
	return ctx.Err()
}

// workFor returns work that lasts for d.
func workFor(d time.Duration) func(context.Context, *syncmod.Ceremony) error {
	return func(ctx context.Context, _ *syncmod.Ceremony) error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		<-ctx.Done()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil
		}
		return ctx.Err()
	}
}

// attests returns work that attests a result.
func attests(result string) func(context.Context, *syncmod.Ceremony) error {
	return func(_ context.Context, c *syncmod.Ceremony) error { return c.Attest(harness.Hash(result)) }
}

// workUntil returns work that ends when the channel is closed.
func workUntil(happens <-chan struct{}) func(context.Context, *syncmod.Ceremony) error {
	return func(ctx context.Context, _ *syncmod.Ceremony) error {
		select {
		case <-happens:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// oneWay is a host that opens no more streams to a peer once the peer is cut off.
type oneWay struct {
	host.Host
	to    peer.ID
	isCut atomic.Bool
}

var errNoWay = errors.New("i/o deadline reached")

func (o *oneWay) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if p == o.to && o.isCut.Load() {
		return nil, errNoWay
	}
	return o.Host.NewStream(ctx, p, ids...)
}

// cut resets the streams to the peer and prevents new ones.
func (o *oneWay) cut() {
	o.isCut.Store(true)
	for _, conn := range o.Network().ConnsToPeer(o.to) {
		for _, stream := range conn.GetStreams() {
			if stream.Protocol() == syncmod.ProtocolID && stream.Stat().Direction == network.DirOutbound {
				_ = stream.Reset()
			}
		}
	}
}

// at waits until alice's ceremony has announced the given step.
func (s *stage) at(step int64) {
	s.t.Helper()
	s.Until(alice, func(st syncmod.Status) bool { return st.Step >= step })
}

// connectedWith returns a condition: the node is connected to n members.
func connectedWith(n int) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool {
		connected := 0
		for _, p := range s.Peers {
			if harness.Connected(p) {
				connected++
			}
		}
		return connected >= n
	}
}

// failed waits until alice's ceremony has failed.
func (s *stage) failed() { require.Error(s.t, harness.Failure(s.t, s.Nodes[alice].Ceremony)) }

// alone starts a node with a configuration or a definition that differs
// from the others'.
func (s *stage) alone(node int, config syncmod.Config, def syncmod.Definition) {
	s.t.Helper()
	service := harness.StartService(s.t, s.Nodes[node].Host, config)
	c, err := service.Open(def)
	require.NoError(s.t, err)
	s.runs(node, c)
}
