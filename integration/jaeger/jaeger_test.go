package jaeger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

func twoSteps(int) []syncmod.Step { return []syncmod.Step{{Name: "deal"}, {Name: "verify"}} }

func TestAllSpansMeetInOneTrace(t *testing.T) {
	const nodes = 4
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			c := newCluster(t, nodes, protocol, twoSteps)
			c.start(0, 1, 2, 3)
			c.done()
			c.stop(0, 1, 2, 3)

			trace := traceOf(t, c.traceID(), withCeremonies(nodes))

			require.Equal(t, []string{"node0", "node1", "node2", "node3"}, trace.instances())
			requireRows(t, c, trace)
			require.Empty(t, trace.warnings())
			require.Len(t, trace.called("dkgsync.ceremony.start", "internal"), nodes)
			require.Len(t, trace.called("dkgsync.connect", "client"), nodes*(nodes-1))
			require.Len(t, trace.called("dkgsync.step", "internal"), 2*nodes)
			require.Len(t, trace.called("dkgsync.barrier", "internal"), 5*nodes,
				"connected, 2 steps, the last, goodbyes")
			requireAttributes(t, trace)
			requireParents(t, trace)
			requireLinks(t, trace)
		})
	}
}

// requireRows checks a trace's page: each row says which node, step and member it is
// about, without a click.
func requireRows(t *testing.T, c *cluster, trace jaegerTrace) {
	t.Helper()
	var want []string
	for i, service := range c.services {
		own := c.definition.Peers[i].Name
		for _, operation := range []string{
			fmt.Sprintf("ceremony.start operator %d (%s)", i, own),
			"barrier connected", "barrier deal", "step deal", "barrier verify", "step verify", "barrier 3",
			"barrier shutdown", "ceremony",
		} {
			want = append(want, service+" dkgsync."+operation)
		}
		for j, peer := range c.services {
			if j != i {
				want = append(want, service+" → "+peer+" dkgsync.connect", service+" → "+peer+" dkgsync.stream",
					service+" dkgsync.stream from "+c.definition.Peers[j].Name)
			}
		}
	}
	require.Subset(t, trace.rows(), want)
	for _, row := range trace.rows() {
		if !slices.Contains(want, row) { // when two dial each other at the same moment, a stream may be replaced
			require.Regexp(t, `^\S+ → \S+ dkgsync\.reconnect$`, row)
		}
	}
}

// requireAttributes checks the attributes that the table of spans promises.
func requireAttributes(t *testing.T, trace jaegerTrace) {
	t.Helper()
	for operation, keys := range map[string][]string{
		"dkgsync.ceremony.start": {"dkgsync.definition.hash", "dkgsync.node.index", "dkgsync.node.count"},
		"dkgsync.connect": {
			"dkgsync.peer.index",
			"dkgsync.peer.id",
			"dkgsync.connect.attempts",
			"dkgsync.connect.relayed",
		},
		"dkgsync.stream": {
			"dkgsync.peer.index", "dkgsync.peer.id",
			"dkgsync.stream.relayed", "dkgsync.stream.messages", "dkgsync.stream.end_reason",
		},
		"dkgsync.step":     {"dkgsync.step", "dkgsync.step.name"},
		"dkgsync.barrier":  {"dkgsync.barrier.kind", "dkgsync.step", "dkgsync.barrier.last_peer"},
		"dkgsync.ceremony": {"dkgsync.outcome", "dkgsync.step", "dkgsync.reconnects"},
	} {
		spans := trace.called(operation, "")
		require.NotEmpty(t, spans, operation)
		for _, s := range spans {
			for _, key := range keys {
				require.NotNil(t, s.tag(key), "%s of %s", key, operation)
			}
			require.Nil(t, s.tag("error"), "%s: %v", operation, s.Tags)
			require.Equal(t, "github.com/dkgsync/dkgsync", s.tag("otel.scope.name"))
		}
	}
}

// requireParents requires that each node has one root span, which is the parent of all its other
// spans.
func requireParents(t *testing.T, trace jaegerTrace) {
	t.Helper()
	starts := make(map[string]string) // by node
	for _, s := range trace.called("dkgsync.ceremony.start", "") {
		require.Empty(t, s.parent())
		starts[trace.instance(s)] = s.SpanID
	}
	for _, s := range trace.Spans {
		if s.tag("dkgsync.span") != "dkgsync.ceremony.start" {
			require.Equal(t, starts[trace.instance(s)], s.parent(), s.OperationName)
		}
	}
}

// requireLinks requires that each served stream links to the stream of its client.
func requireLinks(t *testing.T, trace jaegerTrace) {
	t.Helper()
	clients := make(map[string]bool)
	for _, s := range trace.called("dkgsync.stream", "client") {
		clients[s.SpanID] = true
	}
	served := trace.called("dkgsync.stream", "server")
	require.NotEmpty(t, served)
	for _, s := range served {
		require.Len(t, s.links(), 1)
		require.True(t, clients[s.links()[0]], "the link leads nowhere")
	}
}

// One member is late, and a connection breaks meanwhile. The problem shows while it
// lasts, and later the member's name shows.
func TestAStuckCeremonyCanBeSeen(t *testing.T) {
	const nodes, late = 4, 3
	release := make(chan struct{})
	c := newCluster(t, nodes, "grpc", func(node int) []syncmod.Step {
		steps := twoSteps(node)
		if node == late {
			steps[0].Run = func(ctx context.Context) error {
				select {
				case <-release:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return steps
	})
	c.start(0, 1, 2, 3)
	c.until(0, func(s syncmod.Status) bool { return s.Step == 2 })
	require.NoError(t, c.hosts[0].Network().ClosePeer(c.hosts[1].ID()))

	// A wait is reported only after ten seconds.
	stuck := traceOf(t, c.traceID(), func(trace jaegerTrace) bool {
		return len(trace.called("dkgsync.barrier.waiting", "")) == nodes-1
	})

	require.Empty(t, stuck.warnings(), "while it is stuck")
	require.Empty(t, stuck.called("dkgsync.ceremony", ""))
	for _, service := range c.services[:late] {
		require.Contains(t, stuck.rows(), service+" dkgsync.barrier.waiting verify")
	}
	for _, s := range c.search(map[string]string{"dkgsync.span": "dkgsync.barrier.waiting", "dkgsync.step": "2"}) {
		require.Equal(t, "[3]", s.tag("dkgsync.barrier.missing_peers"), "the member that the others wait for")
		require.Equal(t, "step", s.tag("dkgsync.barrier.kind"))
		require.InDelta(t, 10, s.tag("dkgsync.barrier.elapsed"), 2)
	}

	close(release)
	c.done()
	c.stop(0, 1, 2, 3)
	over := traceOf(t, c.traceID(), withCeremonies(nodes))

	require.Empty(t, over.warnings(), "when it is over")
	requireLinks(t, over)
	stragglers := c.search(map[string]string{
		"dkgsync.span":              "dkgsync.barrier",
		"dkgsync.step":              "2",
		"dkgsync.barrier.kind":      "step",
		"dkgsync.barrier.last_peer": "3",
	})
	slow := c.searchLong(map[string]string{"dkgsync.span": "dkgsync.step"}, 5*time.Second)
	require.Len(t, slow, 1, "the work of the straggler")
	require.Equal(t, c.services[late]+" dkgsync.step deal", over.row(spanOf(t, over, slow[0].SpanID)))
	require.Len(t, stragglers, nodes, "every node says who was last, and so does the straggler")
	for _, s := range stragglers {
		require.Len(t, s.Logs, nodes-1, "who arrived when")
	}
	broken := c.search(map[string]string{"dkgsync.span": "dkgsync.reconnect", "dkgsync.connect.reason": "lost"})
	require.NotEmpty(t, broken, "a reconnect is found by its cause")
	for _, s := range broken {
		require.Len(t, s.links(), 1, "the stream that was lost")
		lost := spanOf(t, over, s.links()[0])
		require.Equal(t, "dkgsync.stream", lost.tag("dkgsync.span"))
		require.Equal(t, "lost", lost.tag("dkgsync.stream.end_reason"))
		require.Nil(t, lost.tag("error"), "a replaced stream is not an error")
	}
}

func spanOf(t *testing.T, trace jaegerTrace, id string) span {
	t.Helper()
	for _, s := range trace.Spans {
		if s.SpanID == id {
			return s
		}
	}
	require.Fail(t, "no such span in the trace", id)
	return span{}
}

func TestAFailureIsFoundByItsType(t *testing.T) {
	errDisk := errors.New("the disk is full")
	c := newCluster(t, 3, "http/protobuf", func(node int) []syncmod.Step {
		steps := twoSteps(node)
		if node == 1 {
			steps[0].Run = func(context.Context) error { return errDisk }
		}
		return steps
	})
	c.start(0, 1, 2)
	c.done()
	c.stop(0, 1, 2)
	trace := traceOf(t, c.traceID(), withCeremonies(3))

	require.Empty(t, trace.warnings())
	own := c.search(map[string]string{"dkgsync.span": "dkgsync.ceremony", "error.type": "aborted"})
	require.Len(t, own, 1)
	require.Equal(t, "node1", trace.instance(spanOf(t, trace, own[0].SpanID)))
	require.Contains(t, own[0].tag("otel.status_description"), errDisk.Error())
	told := c.search(map[string]string{"dkgsync.span": "dkgsync.ceremony", "error.type": "peer_aborted"})
	require.Len(t, told, 2)
	for _, s := range told {
		require.Equal(t, true, s.tag("error"))
		require.Contains(t, s.tag("otel.status_description"), "operator 1 ("+c.definition.Peers[1].Name+")")
	}
}

func TestAMissingMemberIsFound(t *testing.T) {
	c := newCluster(t, 2, "grpc", twoSteps)
	require.NoError(t, c.hosts[1].Close())
	c.start(0)
	c.until(0, func(s syncmod.Status) bool { return s.Peers[0].Attempts > 2 })
	c.stop(0)
	trace := traceOf(t, c.traceID(), withCeremonies(1))

	require.Empty(t, trace.warnings())
	failing := c.search(map[string]string{
		"dkgsync.span": "dkgsync.connect", "error.type": "dial_failed", "dkgsync.peer.index": "1",
	})
	require.Len(t, failing, 1)
	require.Equal(t, true, failing[0].tag("error"))
	require.NotEmpty(t, failing[0].tag("otel.status_description"))
	stopped := c.search(map[string]string{"dkgsync.span": "dkgsync.ceremony", "dkgsync.outcome": "stopped"})
	require.Len(t, stopped, 1)
	require.Nil(t, stopped[0].tag("error"), "a node that stops itself is not an error")
}
