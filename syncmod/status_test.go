package syncmod_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAStatusIsWrittenToJSONAsAPersonWouldReadIt(t *testing.T) {
	now := time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)
	bob, err := peer.Decode("16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97")
	require.NoError(t, err)
	carol, err := peer.Decode("16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us")
	require.NoError(t, err)
	addr := multiaddr.StringCast("/ip4/192.0.2.1/tcp/9000")
	status := syncmod.Status{
		Phase: syncmod.Running, Step: 3, StepName: "exchange shares", Since: now.Add(-2 * time.Second),
		Nickname: "Alice's node", Version: "v1.11",
		Peers: []syncmod.PeerStatus{
			{
				Index: 1, Peer: syncmod.Peer{ID: bob, Name: "bob", Addrs: []multiaddr.Multiaddr{addr}},
				Nickname: "Bob's node", Version: "v1.11", Inbound: true, Outbound: true, Relayed: true, Step: 2,
				LastSeen: now, Since: now.Add(-time.Minute), RTT: 40 * time.Millisecond, Reconnects: 1,
				ClockOffset: -1500 * time.Millisecond,
			},
			{Index: 2, Peer: syncmod.Peer{ID: carol}, Step: -1, Attempts: 9, LastError: errors.New("dial timeout")},
		},
	}

	require.Empty(t, cmp.Diff(`{
  "phase": "running",
  "step": 3,
  "step_name": "exchange shares",
  "nickname": "Alice's node",
  "version": "v1.11",
  "since": "2025-11-22T11:59:58Z",
  "peers": [
    {
      "index": 1,
      "id": "16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97",
      "name": "bob",
      "addrs": [
        "/ip4/192.0.2.1/tcp/9000"
      ],
      "nickname": "Bob's node",
      "version": "v1.11",
      "inbound": true,
      "outbound": true,
      "relayed": true,
      "step": 2,
      "done": false,
      "last_seen": "2025-11-22T12:00:00Z",
      "since": "2025-11-22T11:59:00Z",
      "rtt": "40ms",
      "clock_offset": "-1.5s",
      "reconnects": 1
    },
    {
      "index": 2,
      "id": "16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us",
      "inbound": false,
      "outbound": false,
      "relayed": false,
      "step": -1,
      "done": false,
      "reconnects": 0,
      "attempts": 9,
      "last_error": "dial timeout"
    }
  ]
}`, asJSON(t, status)))
}

func TestAFailedStatusSaysWhyInJSON(t *testing.T) {
	status := syncmod.Status{Phase: syncmod.Failed, Step: 1, Err: errors.New("operator 2 (carol) restarted")}

	require.Empty(t, cmp.Diff(`{
  "phase": "failed",
  "step": 1,
  "error": "operator 2 (carol) restarted",
  "peers": []
}`, asJSON(t, status)))
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	compact, err := json.Marshal(v)
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, compact, "", "  "))
	return indented.String()
}

func TestAPhaseIsAWord(t *testing.T) {
	for phase, want := range map[syncmod.Phase]string{
		syncmod.Connecting: "connecting",
		syncmod.Running:    "running",
		syncmod.Completing: "completing",
		syncmod.Complete:   "complete",
		syncmod.Failed:     "failed",
		-1:                 "phase -1",
		5:                  "phase 5",
	} {
		require.Equal(t, want, phase.String())
		text, err := phase.MarshalText()
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}

func TestAStatusShowsEveryOtherMemberInOperatorOrder(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	c := harness.Open(t, nodes[1:2], def)[0]

	status := c.Status()

	require.Equal(t, syncmod.Connecting, status.Phase)
	require.Equal(t, int64(0), status.Step)
	require.Len(t, status.Peers, 2)
	for i, index := range []int{0, 2} {
		p := status.Peers[i]
		require.Equal(t, index, p.Index)
		require.Equal(t, def.Peers[index].ID, p.Peer.ID)
		require.Equal(t, int64(-1), p.Step, "nothing has been heard of it")
		require.False(t, p.Inbound || p.Outbound || p.Done)
	}
}

func TestAStatusIsItsReadersOwn(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	c := harness.Open(t, nodes[:1], def)[0]
	changed := multiaddr.StringCast("/ip4/203.0.113.1/tcp/1")
	err := c.AwaitConnected(briefly(t))
	var wait *syncmod.WaitError
	require.ErrorAs(t, err, &wait)

	c.Status().Peers[0].Peer.Addrs[0] = changed
	wait.Missing[0].Peer.Addrs[0] = changed
	c.Definition().Peers[1].Addrs[0] = changed

	require.Equal(t, def.Peers[1].Addrs, c.Definition().Peers[1].Addrs)
	require.Equal(t, def.Peers[1].Addrs, c.Status().Peers[0].Peer.Addrs)
}

func TestWatchEndsWithTheLastStatusOfTheCeremony(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	ctx := harness.Within(t)
	var phases []syncmod.Phase
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for status := range ceremonies[0].Watch(ctx) {
			phases = append(phases, status.Phase)
		}
	}()

	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Run(ctx, syncmod.Step{Name: "one"}) })

	<-watched
	require.IsNonDecreasing(t, phases)
	require.Equal(t, len(phases)-1, slices.Index(phases, syncmod.Complete), "once")
}
