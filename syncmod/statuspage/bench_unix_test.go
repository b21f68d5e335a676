//go:build unix

package statuspage

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// BenchmarkTenClients shows how much of a core ten clients cost that follow a ceremony, their own
// reading included: each iteration is a second.
func BenchmarkTenClients(b *testing.B) {
	c := harness.New(b, 4, harness.With(syncmod.Config{}))
	c.Start()
	c.Advance(c.All()...)
	p := pageOf(b, c.Nodes[0].Service)
	measure := func() time.Duration {
		before := processorTime(b)
		<-time.After(time.Duration(b.N) * time.Second)
		return processorTime(b) - before
	}
	alone := measure()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := newServer(p)
	go server.Serve(listener) //nolint:errcheck // until it is closed
	b.Cleanup(func() { _ = server.Close() })
	for range 10 {
		client, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(b, err)
		b.Cleanup(func() { _ = client.Close() })
		_, err = fmt.Fprintf(client, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(b, err)
		go io.Copy(io.Discard, client) //nolint:errcheck // until it is closed
	}
	harness.Eventually(b, func() bool { return len(p.streams) == 10 }, "they follow")

	followed := measure()

	b.ReportMetric(100*(followed-alone).Seconds()/float64(b.N), "%core")
	b.ReportMetric(0, "ns/op")
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkDocument shows what it costs to write a document: all clients share one a second, and
// five a second while things change.
func BenchmarkDocument(b *testing.B) {
	for _, members := range []int{4, 10, 100} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			v := view{record: record{id: "it"}, now: noon}
			v.def.Hash = harness.Hash("it")
			v.def.Peers = make([]syncmod.Peer, members)
			for i := range members {
				v.names = append(v.names, fmt.Sprint("operator ", i))
			}
			for i := 1; i < members; i++ {
				v.status.Peers = append(v.status.Peers, syncmod.PeerStatus{
					Index: i, Inbound: true, Outbound: true, Step: 2, LastSeen: noon, Since: noon,
					RTT:      40 * time.Millisecond,
					Nickname: "a node", Version: "v1.11", View: make([]syncmod.Link, members),
				})
			}
			size := 0
			for b.Loop() {
				text, err := json.Marshal(newDocument([]view{v}, "", noon))
				require.NoError(b, err)
				size = len(text)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
