package syncmod_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// traitor is a member that behaves until it is told not to: operator 4 (erin),
// played by hand, among four real nodes.
type traitor struct {
	*harness.RawPeer
	def     syncmod.Definition
	nodes   []*harness.Node
	refuses atomic.Bool // refuse the next request, from any member
}

func newTraitor(t *testing.T) *traitor {
	t.Helper()
	cfg := harness.Patient()
	cfg.Heartbeat = 5 * time.Millisecond   // so that a request is always on its way
	cfg.ExchangeTimeout = harness.Patience // erin says nothing while the others connect
	nodes, def := newCluster(t, 4, cfg)
	erin := &traitor{RawPeer: harness.NewRawPeer(t), def: def, nodes: nodes}
	erin.def.Peers = append(erin.def.Peers, syncmod.Peer{ID: erin.Host.ID(), Name: "erin", Addrs: erin.Host.Addrs()})
	for _, n := range nodes {
		erin.Connect(t, n.Host)
	}
	erin.Serve(func(_ harness.RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
		response := erin.Response(r)
		if erin.refuses.CompareAndSwap(true, false) {
			response.Error = "nonsense"
		}
		return response
	})
	return erin
}

// behave runs a ceremony up to step 1. The traitor has a session number, as
// dkgsync nodes have, or none.
func (erin *traitor) behave(t *testing.T, session uint64) ([]*syncmod.Ceremony, []harness.RawStream) {
	t.Helper()
	erin.Become(session)
	ceremonies := harness.Open(t, erin.nodes, erin.def)
	var streams []harness.RawStream
	for _, n := range erin.nodes {
		stream := erin.Open(t, n.Host)
		stream.Accepted(t, erin.Request(t, erin.def, harness.Step(1)))
		streams = append(streams, stream)
	}
	advance(t, ceremonies)
	return ceremonies, streams
}

// betrayals are the things that a member must not say.
var betrayals = map[string]struct {
	session uint64
	says    harness.Saying
	want    error
}{
	"a skipped step":      {7, harness.Step(4), syncmod.ErrStepSkipped},
	"a step back":         {0, harness.Step(0), syncmod.ErrPeerRestarted},
	"another version":     {7, harness.Version("v2.0"), syncmod.ErrVersionMismatch},
	"another signature":   {7, harness.Signature([]byte("none")), syncmod.ErrBadSignature},
	"an abort of its own": {7, harness.Abort("no more", ""), syncmod.ErrPeerAborted},
}

func TestEveryNodeNamesTheOffender(t *testing.T) {
	erin := newTraitor(t)
	for what, betrayal := range betrayals {
		t.Run(what, func(t *testing.T) {
			ceremonies, streams := erin.behave(t, betrayal.session)
			const victim = 2

			fresh := erin.Open(t, erin.nodes[victim].Host)
			fresh.Say(t, erin.Request(t, erin.def, harness.Step(1), betrayal.says))

			for i, c := range ceremonies {
				err := harness.Failure(t, c)
				require.Equal(t, 4, harness.Culprit(t, err).Index, "%s: %v", harness.Name(i), err)
				if i == victim {
					require.ErrorIs(t, err, betrayal.want)
					continue
				}
				require.ErrorIs(t, err, syncmod.ErrPeerAborted, harness.Name(i))
				require.ErrorContains(t, err, "operator 4 (erin)")
			}
			erin.leave(t, ceremonies, append(streams, fresh))
		})
	}
}

func TestTheFirstReporterIsKnown(t *testing.T) {
	erin := newTraitor(t)
	ceremonies, streams := erin.behave(t, 7)
	const alice, bob = 0, 1

	lie := harness.Abort("restarted: its step went from 1 to 0", erin.nodes[bob].Host.ID())
	streams[alice].Say(t, erin.Request(t, erin.def, harness.Step(1), lie))

	for i, c := range ceremonies {
		err := harness.Failure(t, c)
		require.Equal(t, bob, harness.Culprit(t, err).Index, harness.Name(i))
		require.ErrorContains(t, err, "operator 4 (erin)", harness.Name(i))
	}
	require.ErrorContains(t, ceremonies[3].Err(), "who heard it from operator 4 (erin):")
}

// leave ends a ceremony.
func (erin *traitor) leave(t *testing.T, ceremonies []*syncmod.Ceremony, streams []harness.RawStream) {
	t.Helper()
	for _, stream := range streams {
		_ = stream.Reset()
	}
	closeAll(t, ceremonies)
}

// The error in an answer does not say whose fault it is. A member that hears such
// an error names no culprit when it tells the others.
func TestEveryNodeLearnsOfARefusal(t *testing.T) {
	erin := newTraitor(t)
	ceremonies, _ := erin.behave(t, 7)

	erin.refuses.Store(true)

	refused := 0
	for i, c := range ceremonies {
		err := harness.Failure(t, c)
		require.ErrorContains(t, err, "operator 4 (erin) refused this node", harness.Name(i))
		if errors.Is(err, syncmod.ErrPeerRejected) {
			require.Equal(t, 4, harness.Culprit(t, err).Index)
			refused++
		}
	}
	require.Equal(t, 1, refused)
}

func TestEveryNodeNamesAMemberThatLeftEarly(t *testing.T) {
	erin := newTraitor(t)
	ceremonies, streams := erin.behave(t, 7)
	ctx := harness.Within(t)
	streams[1].Accepted(t, erin.Request(t, erin.def, harness.Step(1), harness.Goodbye))

	errs := harness.Everyone(ceremonies, func(c *syncmod.Ceremony) error {
		_, err := c.Advance(ctx)
		return err
	})

	require.ErrorIs(t, errs[1], syncmod.ErrPeerLeft)
	for i, err := range errs {
		require.Equal(t, 4, harness.Culprit(t, err).Index, harness.Name(i))
	}
}
