package syncmod_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestAnAbortNamesTheCulprit(t *testing.T) {
	s := newScene(t, harness.Fast(), 3)
	bob, dave := s.others[0], s.others[2]
	stream := s.meet(t, bob)

	stream.Accepted(t, bob.Request(t, s.def, harness.Abort("dave's disk is full", dave.Host.ID())))

	stream.RequireClosed(t)
	err := harness.Failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrPeerAborted)
	require.Equal(t, 3, harness.Culprit(t, err).Index)
	require.ErrorContains(t, err, "operator 3 (dave)")
	require.ErrorContains(t, err, "operator 1 (bob)")
	require.ErrorContains(t, err, "dave's disk is full")
}

func TestAnAbortWithoutCulpritBlamesItsSender(t *testing.T) {
	for name, culpritID := range map[string]string{"none": "", "nobody": "not a member"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 2)
			carol := s.others[1]
			s.meet(t, carol).Accepted(t, carol.Request(t, s.def, harness.Abort("no more", peer.ID(culpritID))))

			require.Equal(t, 2, harness.Culprit(t, harness.Failure(t, s.ceremony)).Index)
		})
	}
}

func TestAReasonIsPassedOnVerbatim(t *testing.T) {
	const reason = "„Platte voll“: operator 3's, at 100 %"
	s := newScene(t, harness.Fast(), 3)
	bob, carol, dave := s.others[0], s.others[1], s.others[2]
	heard := carol.Answer()
	open := s.meet(t, carol)
	harness.Await(t, heard, func(*syncpb.SyncRequest) bool { return true })

	s.meet(t, bob).Accepted(t, bob.Request(t, s.def, harness.Abort(reason, dave.Host.ID())))

	told := harness.Await(t, heard, func(r *syncpb.SyncRequest) bool { return r.GetAbort() != "" })
	require.Equal(t, reason, told.GetAbort())
	require.Equal(t, []byte(dave.Host.ID()), told.GetCulprit())
	require.Equal(t, reason, open.Ask(t, carol.Request(t, s.def)).GetError())
}

func TestOpenStreamsAreToldTheFailure(t *testing.T) {
	for name, session := range sessions {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			bob.Become(session)
			stream := s.meet(t, bob)
			stream.Accepted(t, bob.Request(t, s.def))
			stream.Accepted(t, bob.Request(t, s.def)) // the request below repeats this one, but gets another answer

			s.ceremony.Abort(errors.New("the disk is full"))

			told := stream.Ask(t, bob.Request(t, s.def)).GetError()
			require.Contains(t, told, "operator 0 (alice) gave up: the disk is full")
			stream.RequireClosed(t)
		})
	}
}

func TestTwoFailedNodesDoNotWait(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	streams := bob.Accept(t)
	bob.Become(7)
	mute := harness.Next(t, streams) // alice's abort gets no answer
	mute.Grant(t, mute.Heed(t))
	mute.Grant(t, mute.Heed(t))
	stream := s.meet(t, bob)
	ours := harness.Addressee(bob.Meet(t, s.Host.ID()))
	s.ceremony.Abort(errors.New("the disk is full"))
	var frames []byte
	heartbeat := harness.Step(0) // it was on its way
	for _, says := range []harness.Saying{heartbeat, harness.Abort("no more", bob.Host.ID())} {
		frames = append(frames, harness.Frame(bob.Request(t, s.def, ours, says))...)
	}

	elapsed := harness.Stopwatch(t)
	stream.Send(t, frames)

	require.Contains(t, stream.Hear(t).GetError(), "the disk is full")
	require.Less(t, elapsed(), 500*time.Millisecond)
	stream.RequireClosed(t)
}

func TestAReturningMemberIsToldTheFailure(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	s.meet(t, bob)
	s.ceremony.Abort(errors.New("the disk is full"))

	again := bob.Open(t, s.Host)

	require.Contains(t, again.Ask(t, bob.Request(t, s.def)).GetError(), "the disk is full")
	again.RequireClosed(t)
}

func TestANewAttemptWaitsForAFailedOne(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(1)
	s.meet(t, bob)
	s.ceremony.Abort(errors.New("the disk is full"))
	bob.Become(2)

	waiting := bob.Open(t, s.Host).Greeted(t, bob.Request(t, s.def))

	require.Equal(t, "its attempt has failed: operator 0 (alice) gave up: the disk is full", waiting)
	require.NoError(t, s.ceremony.Close(harness.Within(t)))
	again := s.Open(t, s.def)
	s.meet(t, bob)
	require.True(t, bobIsIn(again.Status()))
}

func TestARefusalReachesEveryMember(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	bob, carol := s.others[0], s.others[1]
	heard := carol.Answer()
	harness.Await(t, heard, func(*syncpb.SyncRequest) bool { return true })

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def, harness.Version("v2.0")))

	require.Contains(t, refusal.GetError(), "operator 1 (bob) runs v2.0, this node runs v1.0")
	told := harness.Await(t, heard, func(r *syncpb.SyncRequest) bool { return r.GetAbort() != "" })
	require.Equal(t, refusal.GetError(), told.GetAbort())
	require.Equal(t, []byte(bob.Host.ID()), told.GetCulprit())
}

func TestARefusingMemberIsNamed(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	s.others[1].Serve(func(_ harness.RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
		return &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp(), Error: "mismatching\ncluster\x1b[0m"}
	})

	err := harness.Failure(t, s.ceremony)

	require.ErrorIs(t, err, syncmod.ErrPeerRejected)
	require.Equal(t, 2, harness.Culprit(t, err).Index)
	require.ErrorContains(t, err, `refused this node: "mismatching?cluster?[0m"`)
}

// hostileTexts are names and reasons that a member may send.
var hostileTexts = map[string]string{
	"terminal codes": "\x1b[2J\x1b[31mroot# \x07",
	"lines":          "one\ntwo\r\nthree\u2028four",
	"right to left":  "\u202etxt.exe",
	"a megabyte":     strings.Repeat("long ", 200<<10),
}

func TestTextOfAMemberIsMadeSafeEverywhere(t *testing.T) {
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			s, log := newLoggedScene(t, 1)
			bob := s.others[0]
			bob.Become(7)
			stream := s.meet(t, bob, harness.Nickname(text))
			requireFit(t, s.ceremony.Status().Peers[0].Nickname, 128)

			abort := harness.Abort(text, bob.Host.ID())
			stream.Accepted(t, bob.Request(t, s.def, harness.Nickname(text), abort))

			requireFit(t, harness.Failure(t, s.ceremony).Error(), 600)
			requireFit(t, s.ceremony.Status().Err.Error(), 600)
			for _, entry := range log.AllEntries() {
				requireFit(t, entry.Message, 1000)
				for _, value := range slices.Collect(maps.Values(entry.Data)) {
					if said, ok := value.(error); ok {
						value = said.Error()
					}
					if said, ok := value.(string); ok {
						requireFit(t, said, 1000)
					}
				}
			}
		})
	}
}

func TestABadVersionIsMadePrintable(t *testing.T) {
	s, _ := newLoggedScene(t, 1)
	bob := s.others[0]

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.def, harness.Version(strings.Repeat("\x1b[31m", 1000))))

	requireFit(t, refusal.GetError(), 256)
	requireFit(t, harness.Failure(t, s.ceremony).Error(), 600)
}

func TestABadNicknameResetsTheStream(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	stream := s.others[0].Open(t, s.Host)

	stream.Send(t, []byte{6, 0, 0, 0, 0, 0, 0, 0, 6<<3 | 2, 4, 0xff, 0xfe, 0xfd, 0xfc})

	stream.RequireReset(t)
	require.NoError(t, s.ceremony.Err())
}

// newLoggedScene returns a scene whose node reads large frames, and its log.
func newLoggedScene(t testing.TB, others int) (*scene, *logtest.Hook) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	log.SetLevel(logrus.TraceLevel)
	cfg := harness.Fast()
	cfg.MaxFrame = harness.LongestFrame
	s := newScene(t, harness.Fast(), others)
	require.NoError(t, s.Service.Stop(harness.Within(t)))
	service, err := syncmod.NewService(s.Host, cfg, syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, service.Start(harness.Within(t)))
	t.Cleanup(func() { require.NoError(t, service.Stop(context.Background())) })
	s.Service = service
	s.ceremony = s.Open(t, s.def)
	return s, hook
}

// requireFit fails unless a text is short and fit to be shown.
func requireFit(t testing.TB, text string, most int) {
	t.Helper()
	require.LessOrEqual(t, len(text), most)
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q in %q", r, text)
	}
}
