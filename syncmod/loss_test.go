package syncmod

import (
	"errors"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// watcher returns a ceremony that has only what the tests of losses need.
func watcher() *core {
	return &core{def: cluster, terms: stream.NewTerms(stream.Terms{Hash: cluster.Hash, Members: cluster.addrInfos()})}
}

func TestOnlyALostStreamIsAnError(t *testing.T) {
	c := watcher()
	for _, ended := range []string{
		report.EndGoodbye, report.EndAbort, report.EndRefused, report.EndMoved, report.EndStopped,
	} {
		require.NoError(t, c.lossOf(stream.End{Reason: ended}), ended)
	}
	require.EqualError(t, c.lossOf(stream.End{Reason: report.EndLost}), "its stream was lost")
	require.EqualError(t, c.lossOf(stream.End{Reason: report.EndClosed}), "it closed the stream")
	require.EqualError(t, c.lossOf(stream.End{Reason: report.EndTimeout}),
		"it is silent: no response within the exchange timeout")
	require.EqualError(t, c.lossOf(stream.End{Reason: report.EndProtocol, Err: errors.New("a frame of 0 bytes")}),
		"what it sent does not follow the protocol: a frame of 0 bytes")
}

func TestALossQuotesTheNetwork(t *testing.T) {
	gated := &network.StreamError{ErrorCode: network.StreamGated, Remote: true}

	loss := watcher().lossOf(stream.End{Reason: report.EndLost, Err: gated})

	require.EqualError(t, loss,
		"it does not list this node as a member of any open ceremony; compare definitions and keys")
	require.ErrorIs(t, loss, gated)
}

func TestAWrongPeerAtAnAddressIsNamed(t *testing.T) {
	var dials reason.Dials
	dial := dials.Failed(t.Context(), &reason.Dial{Err: &swarm.DialError{
		Cause: swarm.ErrAllDialsFailed,
		DialErrors: []swarm.TransportError{{
			Address: multiaddr.StringCast("/ip4/192.0.2.1/tcp/9"),
			Cause:   sec.ErrPeerIDMismatch{Expected: cluster.Peers[1].ID, Actual: cluster.Peers[2].ID},
		}},
	}})

	loss := watcher().lossOf(stream.End{Reason: report.EndLost, Unopened: true, Err: dial})

	require.EqualError(t, loss, "dialling failed: /ip4/192.0.2.1/tcp/9: "+
		"another peer answers there (operator 2 (carol), "+
		cluster.Peers[2].ID.String()+"): correct the address or the definition")
}

func TestTextOfAHostIsMadePrintable(t *testing.T) {
	hostile := errors.New("\x1b[31m" + strings.Repeat("boo\n", 1000))

	loss := watcher().lossOf(stream.End{Reason: report.EndLost, Err: hostile}).Error()

	require.Less(t, len(loss), 512)
	require.NotContains(t, loss, "\x1b")
	require.NotContains(t, loss, "\n")
}
