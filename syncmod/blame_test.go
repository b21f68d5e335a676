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
	nodes   []*node
	refuses atomic.Bool // the next request that it is asked, whoever asks
}

func newTraitor(t *testing.T) *traitor {
	t.Helper()
	cfg := fast()
	cfg.Heartbeat = 5 * time.Millisecond // somebody asks somebody at every moment
	nodes, def := newCluster(t, 4, cfg)
	erin := &traitor{rawPeer: newRawPeer(t), def: def, nodes: nodes}
	erin.def.Peers = append(erin.def.Peers, syncmod.Peer{ID: erin.host.ID(), Name: "erin", Addrs: erin.host.Addrs()})
	for _, n := range nodes {
		erin.connect(t, n.host)
	}
	erin.serve(func(r *syncpb.SyncRequest) *syncpb.SyncResponse {
		response := &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}
		if erin.refuses.CompareAndSwap(true, false) {
			response.Error = "nonsense"
		}
		return response
	})
	return erin
}

// behave runs a ceremony up to step 1, in which the traitor has a session
// number, as dkgsync nodes have, or none.
func (erin *traitor) behave(t *testing.T, session uint64) ([]*syncmod.Ceremony, []*rawStream) {
	t.Helper()
	ceremonies := open(t, erin.nodes, erin.def)
	var streams []*rawStream
	for _, n := range erin.nodes {
		stream := erin.open(t, n.host)
		stream.accepted(t, erin.request(t, erin.def, withSession(session), withStep(1)))
		streams = append(streams, stream)
	}
	advance(t, ceremonies)
	return ceremonies, streams
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
	erin := newTraitor(t)
	for what, betrayal := range betrayals {
		t.Run(what, func(t *testing.T) {
			ceremonies, streams := erin.behave(t, betrayal.session)
			const victim = 2

			fresh := erin.open(t, erin.nodes[victim].host) // a session changes with its stream only
			fresh.say(t, erin.request(t, erin.def, withSession(betrayal.session), withStep(1), betrayal.says))

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
			erin.leave(t, ceremonies, append(streams, fresh))
		})
	}
}

// leave ends a ceremony.
func (erin *traitor) leave(t *testing.T, ceremonies []*syncmod.Ceremony, streams []*rawStream) {
	t.Helper()
	for _, stream := range streams {
		_ = stream.Reset()
	}
	closeAll(t, ceremonies)
}

func TestEveryNodeNamesTheMemberThatRefusedOneOfThem(t *testing.T) {
	erin := newTraitor(t)
	ceremonies, _ := erin.behave(t, 7)

	erin.refuses.Store(true)

	for i, c := range ceremonies {
		require.Equal(t, 4, culprit(t, failure(t, c)).Index, name(i))
	}
}

func TestEveryNodeNamesTheMemberThatLeftEarlyForOneOfThem(t *testing.T) {
	erin := newTraitor(t)
	ceremonies, streams := erin.behave(t, 7)
	ctx := within(t)
	streams[1].accepted(t, erin.request(t, erin.def, withSession(7), withStep(1), withGoodbye))

	errs := everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error {
		_, err := c.Advance(ctx)
		return err
	})

	require.ErrorIs(t, errs[1], syncmod.ErrPeerLeft)
	for i, err := range errs {
		require.Equal(t, 4, culprit(t, err).Index, name(i))
	}
}
