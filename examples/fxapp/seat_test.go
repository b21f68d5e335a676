package main

import (
	"fmt"
	"testing"

	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// A list shortened by one member might hide the one that matters.
func TestAListHidesNoSingleMember(t *testing.T) {
	t.Parallel()
	var d syncmod.Definition
	var all []int
	for i := range enough + 2 {
		d.Peers = append(d.Peers, syncmod.Peer{Name: fmt.Sprintf("m%d", i)})
		all = append(all, i)
	}

	require.NotContains(t, listMembers(d, all[:enough]), "more")
	require.Regexp(t, `, operator 8 \(m8\)$`, listMembers(d, all[:enough+1]))
	require.Regexp(t, `, operator 7 \(m7\) and 2 more$`, listMembers(d, all))
}

func TestAPortNotInTheDefinition(t *testing.T) {
	t.Parallel()
	const direct, quic = "/ip4/192.0.2.1/tcp/9001", "/dns4/alice.example/udp/9001/quic-v1"
	for listen, want := range map[string]bool{
		"/ip4/0.0.0.0/tcp/9001":         true,
		"/ip4/0.0.0.0/udp/9001/quic-v1": true,
		"/ip4/0.0.0.0/tcp/9002":         false,
		"/ip4/0.0.0.0/udp/9002/quic-v1": false,
		"/ip4/0.0.0.0/tcp/0":            false,
	} {
		defined := []multiaddr.Multiaddr{multiaddr.StringCast(direct), multiaddr.StringCast(quic)}

		require.Equal(t, want, listensAsDefined([]string{listen}, defined), listen)
		require.True(t, listensAsDefined([]string{"/ip4/0.0.0.0/tcp/7", listen}, nil))
		require.True(t, listensAsDefined(nil, defined))
	}
	require.True(t, listensAsDefined([]string{"/ip4/0.0.0.0/tcp/9001"}, []multiaddr.Multiaddr{multiaddr.StringCast(
		"/ip4/192.0.2.9/tcp/4001/p2p/16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz/p2p-circuit")}),
		"that is the relay's port")
}

// The node tells its operator about the wrong port at once. Otherwise nobody would
// notice the mistake before the others had waited in vain.
func TestANodeAtAnotherPortSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	says := "this node listens at /ip4/127.0.0.1/tcp/0, but the others look for it at " + s.listen["alice"] + ": "

	_, _, right := execute(t, s.node("alice", "--timeout", "1ms")...)
	_, _, other := execute(t, "node", "--definition", s.file("ceremony.json"), "--key", s.file("alice.key"),
		"--data-dir", s.file("alice"), "--listen", "/ip4/127.0.0.1/tcp/0", "--timeout", "1ms")

	require.NotContains(t, right, "this node listens at ")
	require.Contains(t, other, says)
}
