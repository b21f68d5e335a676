package syncmod_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// traitor is a member that behaves until it does not: operator 4 (erin), played
// by hand, among four real nodes.
type traitor struct {
	*rawPeer
	def     syncmod.Definition
	session uint64
	streams []*rawStream // to each of the others
}

// newBetrayal runs a ceremony of four nodes and a traitor up to step 1. The
// traitor has a session number, as dkgsync nodes have, or none.
func newBetrayal(t *testing.T, session uint64, answer func(*syncpb.SyncRequest) *syncpb.SyncResponse) ([]*node, []*syncmod.Ceremony, *traitor) {
	t.Helper()
	cfg := fast()
	cfg.Heartbeat = 5 * time.Millisecond // somebody asks somebody at every moment
	nodes, def := newCluster(t, 4, cfg)
	erin := &traitor{rawPeer: newRawPeer(t), session: session}
	erin.def = def
	erin.def.Peers = append(erin.def.Peers, syncmod.Peer{ID: erin.host.ID(), Name: "erin", Addrs: erin.host.Addrs()})
	for _, n := range nodes {
		erin.connect(t, n.host)
	}
	erin.serve(answer)
	ceremonies := open(t, nodes, erin.def)
	for _, n := range nodes {
		stream := erin.open(t, n.host)
		stream.accepted(t, erin.request(t, erin.def, withSession(session), withStep(1)))
		erin.streams = append(erin.streams, stream)
	}
	advance(t, ceremonies)
	return nodes, ceremonies, erin
}

func agree(r *syncpb.SyncRequest) *syncpb.SyncResponse {
	return &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}
}

// betrayals are what a member must not say.
var betrayals = map[string]struct {
	session uint64
	says    saying
	want    error
}{
	"a skipped step":      {7, withStep(4), syncmod.ErrStepSkipped},
	"a step back":         {0, withStep(0), syncmod.ErrPeerRestarted},
	"another version":     {7, withVersion("v2.0"), syncmod.ErrVersionMismatch},
	"another signature":   {7, withSignature([]byte("none")), syncmod.ErrBadSignature},
	"an abort of its own": {7, withAbort("no more", ""), syncmod.ErrPeerAborted},
	"another session":     {7, withSession(8), syncmod.ErrPeerRestarted},
}

func TestEveryNodeNamesTheMemberThatMisbehavedToOneOfThem(t *testing.T) {
	for what, betrayal := range betrayals {
		t.Run(what, func(t *testing.T) {
			nodes, ceremonies, erin := newBetrayal(t, betrayal.session, agree)
			const victim = 2

			erin.open(t, nodes[victim].host).say(t, erin.request(t, erin.def, withSession(erin.session), withStep(1), betrayal.says))

			for i, c := range ceremonies {
				err := failure(t, c)
				require.Equal(t, 4, culprit(t, err).Index, "%s: %v", name(i), err)
				if i == victim {
					require.ErrorIs(t, err, betrayal.want)
					continue
				}
				require.ErrorIs(t, err, syncmod.ErrPeerAborted, name(i))
				require.ErrorContains(t, err, "operator 4 (erin)")
			}
		})
	}
}

func TestEveryNodeNamesTheMemberThatRefusedOneOfThem(t *testing.T) {
	var refuses atomic.Bool
	_, ceremonies, _ := newBetrayal(t, 7, func(r *syncpb.SyncRequest) *syncpb.SyncResponse {
		response := agree(r)
		if refuses.CompareAndSwap(true, false) {
			response.Error = "nonsense"
		}
		return response
	})

	refuses.Store(true) // whoever asks next

	for i, c := range ceremonies {
		require.Equal(t, 4, culprit(t, failure(t, c)).Index, name(i))
	}
}

func TestEveryNodeNamesTheMemberThatLeftEarlyForOneOfThem(t *testing.T) {
	_, ceremonies, erin := newBetrayal(t, 7, agree)
	ctx := within(t)
	erin.streams[1].accepted(t, erin.request(t, erin.def, withSession(7), withStep(1), withGoodbye))

	errs := everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error {
		_, err := c.Advance(ctx)
		return err
	})

	require.ErrorIs(t, errs[1], syncmod.ErrPeerLeft)
	for i, err := range errs {
		require.Equal(t, 4, culprit(t, err).Index, name(i))
	}
}
