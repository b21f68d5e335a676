package main

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
	"github.com/stretchr/testify/require"
)

var sizes = flag.String("members", "10", "how many members, for each ceremony over slow links")

const (
	oneWay   = 50 * time.Millisecond // from any member to any other
	tolerate = 2 * time.Millisecond  // what a barrier may take in addition
	crossing = 20                    // how many barriers are measured
)

// A barrier takes as long as its messages take to arrive, and nothing more. In virtual
// time, computing takes no time.
func TestBarrierOverSlowLinks(t *testing.T) {
	counts, err := numbers(*sizes)
	require.NoError(t, err)
	for _, n := range counts {
		t.Run(fmt.Sprintf("%d members", n), func(t *testing.T) {
			var took []time.Duration

			synctest.Test(t, func(t *testing.T) { took = crossSlowLinks(t, n) })

			p50, p99 := percentile(took, 50), percentile(took, 99)
			fmt.Println(newLine("wan").with("n", n).with("delay", oneWay).
				with("p50", p50).with("p99", p99).with("over", p50-oneWay))
			require.LessOrEqual(t, p99, oneWay+tolerate)
		})
	}
}

// crossSlowLinks measures barriers that n members enter together, over QUIC.
func crossSlowLinks(t *testing.T, n int) []time.Duration {
	link := simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps}
	network, meta, err := simlibp2p.SimpleLibp2pNetwork([]simlibp2p.NodeLinkSettingsAndCount{
		{LinkSettings: simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}, Count: n},
	}, simnet.StaticLatency(oneWay), simlibp2p.NetworkSettings{})
	require.NoError(t, err)
	network.Start()
	defer network.Close()
	c := new(cluster)
	for _, h := range meta.Nodes {
		c.nodes = append(c.nodes, newNode(h))
	}
	defer func() { require.NoError(t, c.close()) }()
	require.NoError(t, c.start())
	require.NoError(t, c.open(t.Name()))

	took := make([]time.Duration, crossing)
	for i := range took {
		time.Sleep(time.Second) //nolint:forbidigo // virtual
		took[i], err = together(n, c.advance)
		require.NoError(t, err)
	}
	return took
}
