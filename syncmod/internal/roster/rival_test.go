package roster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// A process may send requests for a while before it can answer this node. This node
// must not take it for a second process.
func TestALateAnswerIsNotASecondProcess(t *testing.T) {
	version, err := roster.ParseVersion("v1.11")
	require.NoError(t, err)
	const bob, session = 1, 0xb1
	r := roster.New(start, roster.Config{
		Members: 2, Session: 0xa1, Version: version, VersionText: "v1.11", PeerTimeout: time.Minute,
	})
	r.Open(start)
	now := start
	for range 5 { // busy hosts: its requests come through, but the stream to it does not open
		now = now.Add(time.Second)
		r.Request(now, bob, 1, roster.Request{Opened: start, Version: "v1.11", Signed: true, Session: session})
	}

	r.OutboundOpened(bob, 2, false)
	r.Response(now, bob, 2, roster.Response{Session: session})

	require.False(t, r.KeyInUse(now, bob))
}
