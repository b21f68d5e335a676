//go:build unix

package statuspage

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// BenchmarkTenClients shows how much of a core is used by the page and by ten clients that
// follow it. Each iteration takes ten seconds.
func BenchmarkTenClients(b *testing.B) {
	for _, of := range []struct {
		name string
		node func(testing.TB) *harness.Node
	}{
		{"4 members at rest", atRest},
		{"100 members at rest", func(t testing.TB) *harness.Node { return newCrowd(t).node }},
		{"100 members step by step", func(t testing.TB) *harness.Node {
			c := newCrowd(t)
			c.goOn(time.Second)
			return c.node
		}},
	} {
		b.Run(of.name, func(b *testing.B) { benchmarkTenClients(b, of.node(b)) })
	}
}

// atRest returns a node in a ceremony of four, from which only heartbeats come.
func atRest(t testing.TB) *harness.Node {
	c := harness.New(t, 4, harness.With(syncmod.Config{Heartbeat: often}))
	c.Start()
	c.Advance(c.All()...)
	return c.Nodes[0]
}

// benchmarkTenClients alternates between some seconds without the page and as many with it,
// because the load of the machine goes up and down.
func benchmarkTenClients(b *testing.B, node *harness.Node) {
	const seconds = 5
	var without, with time.Duration
	spend := func(of *time.Duration) {
		before := processorTime(b)
		<-time.After(seconds * time.Second)
		*of += processorTime(b) - before
	}
	for range b.N {
		spend(&without)
		stop := follow10(b, New(node.Service))
		spend(&with)
		stop()
	}
	core := func(d time.Duration) float64 { return 100 * d.Seconds() / float64(b.N) / seconds }
	b.ReportMetric(core(with-without), "%core")
	b.ReportMetric(core(without), "%core-without")
	b.ReportMetric(0, "ns/op")
}

// follow10 makes ten clients follow a page until stop is called.
func follow10(b *testing.B, p *Page) (stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := newServer(p)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	for range 10 {
		client, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(b, err)
		_, err = fmt.Fprintf(client, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(b, err)
		running.Go(func() { _, _ = io.Copy(io.Discard, client) })
	}
	harness.Eventually(b, func() bool { return len(p.streams) == 10 }, "they follow")
	return func() {
		p.Close()
		_ = server.Close()
		running.Wait()
	}
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkDocument shows what it costs to write a document. All clients share one document a
// second, and five a second while things change.
func BenchmarkDocument(b *testing.B) {
	for _, members := range []int{4, 10, 100} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			v := view{record: record{id: "it"}, now: noon}
			v.def.Hash = harness.Hash("it")
			v.def.Peers = make([]syncmod.Peer, members)
			for i := range members {
				v.names, v.ids = append(v.names, fmt.Sprint("operator ", i)), append(v.ids, "16Uiu2HAm3cL4SgGBYVzPRbXE")
			}
			for i := 1; i < members; i++ {
				v.status.Peers = append(v.status.Peers, syncmod.PeerStatus{
					Index: i, Inbound: true, Outbound: true, Step: 2, LastSeen: noon, Since: noon,
					RTT:      40 * time.Millisecond,
					Nickname: "a node", Version: "v1.11", View: make([]syncmod.Link, members),
				})
			}
			size := 0
			before := processorTime(b)
			for b.Loop() {
				text, err := json.Marshal(newDocument([]view{v}, "", noon))
				require.NoError(b, err)
				size = len(text)
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "µs-cpu")
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
