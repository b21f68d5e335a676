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

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestAnAbortNamesTheCulpritAndNotTheMessenger(t *testing.T) {
	s := newScene(t, fast(), 3)
	bob, dave := s.others[0], s.others[2]
	stream := s.meet(t, bob)

	stream.accepted(t, bob.request(t, s.def, withAbort("dave's disk is full", dave.host.ID())))

	requireClosed(t, stream)
	err := failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrPeerAborted)
	require.Equal(t, 3, culprit(t, err).Index)
	require.ErrorContains(t, err, "operator 3 (dave)")
	require.ErrorContains(t, err, "operator 1 (bob)")
	require.ErrorContains(t, err, "dave's disk is full")
}

func TestAnAbortWithoutACulpritIsAboutWhoSentIt(t *testing.T) {
	for name, culpritID := range map[string]string{"none": "", "nobody": "not a member"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fast(), 2)
			carol := s.others[1]
			s.meet(t, carol).accepted(t, carol.request(t, s.def, func(r *syncpb.SyncRequest) { r.Abort, r.Culprit = "no more", []byte(culpritID) }))

			require.Equal(t, 2, culprit(t, failure(t, s.ceremony)).Index)
		})
	}
}

func TestAReasonIsPassedOnVerbatimWithItsCulprit(t *testing.T) {
	const reason = "„Platte voll“: operator 3's, at 100 %"
	s := newScene(t, fast(), 3)
	bob, carol, dave := s.others[0], s.others[1], s.others[2]
	heard := carol.answer()
	open := s.meet(t, carol)
	await(t, heard, func(*syncpb.SyncRequest) bool { return true })

	s.meet(t, bob).accepted(t, bob.request(t, s.def, withAbort(reason, dave.host.ID())))

	told := await(t, heard, func(r *syncpb.SyncRequest) bool { return r.GetAbort() != "" })
	require.Equal(t, reason, told.GetAbort())
	require.Equal(t, []byte(dave.host.ID()), told.GetCulprit())
	require.Equal(t, reason, open.ask(t, carol.request(t, s.def)).GetError())
}

func TestAfterAFailureOpenStreamsAreAnsweredWithItsReason(t *testing.T) {
	for name, says := range map[string]saying{"foreign": withSession(0), "dkgsync": withSession(7)} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fast(), 1)
			bob := s.others[0]
			stream := s.meet(t, bob, says)
			stream.accepted(t, bob.request(t, s.def, says))
			stream.accepted(t, bob.request(t, s.def, says)) // a repeated one is not answered as before either

			s.ceremony.Abort(errors.New("the disk is full"))

			require.Contains(t, stream.ask(t, bob.request(t, s.def, says)).GetError(), "operator 0 (alice) gave up: the disk is full")
			requireClosed(t, stream)
		})
	}
}

func TestTwoNodesThatHaveFailedDoNotWaitForEachOther(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	mute := next(t, bob.accept(t)) // alice's abort gets no answer
	mute.grant(t, mute.heed(t))
	stream := s.meet(t, bob, withSession(7))
	s.ceremony.Abort(errors.New("the disk is full"))
	var frames []byte
	for _, says := range []saying{withStep(0), withAbort("no more", bob.host.ID())} { // a heartbeat was on its way
		var err error
		frames, err = wire.AppendRequest(frames, bob.request(t, s.def, withSession(7), says))
		require.NoError(t, err)
	}

	began := time.Now()
	stream.write(t, frames)

	require.Contains(t, stream.hear(t).GetError(), "the disk is full")
	require.Less(t, time.Since(began), 500*time.Millisecond)
	requireClosed(t, stream)
}

func TestAfterAFailureWhoeverComesBackIsAnsweredWithItsReason(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	s.meet(t, bob, withSession(7))
	s.ceremony.Abort(errors.New("the disk is full"))

	again := bob.open(t, s.host)

	require.Contains(t, again.ask(t, bob.request(t, s.def, withSession(7))).GetError(), "the disk is full")
	requireClosed(t, again)
}

func TestANewAttemptIsHeldUntilTheFailedOneIsClosed(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	require.NoError(t, s.meet(t, bob, withSession(1)).Reset())
	s.ceremony.Abort(errors.New("the disk is full"))
	fresh := bob.open(t, s.host)
	fresh.say(t, bob.request(t, s.def, withSession(2)))

	require.NoError(t, s.ceremony.Close(within(t)))
	again := open(t, []*node{s.node}, s.def)[0]

	require.Empty(t, fresh.hear(t).GetError())
	require.True(t, bobIsIn(again.Status()))
}

func TestARefusalReachesItsMemberAndTheFailureAll(t *testing.T) {
	s := newScene(t, fast(), 2)
	bob, carol := s.others[0], s.others[1]
	heard := carol.answer()
	await(t, heard, func(*syncpb.SyncRequest) bool { return true })

	refusal := bob.open(t, s.host).ask(t, bob.request(t, s.def, withVersion("v2.0")))

	require.Contains(t, refusal.GetError(), "operator 1 (bob) runs v2.0, this node runs v1.0")
	told := await(t, heard, func(r *syncpb.SyncRequest) bool { return r.GetAbort() != "" })
	require.Equal(t, refusal.GetError(), told.GetAbort())
	require.Equal(t, []byte(bob.host.ID()), told.GetCulprit())
}

func TestAMemberThatRefusesUsIsNamed(t *testing.T) {
	s := newScene(t, fast(), 2)
	s.others[1].serve(func(r *syncpb.SyncRequest) *syncpb.SyncResponse {
		return &syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp(), Error: "mismatching\ncluster\x1b[0m"}
	})

	err := failure(t, s.ceremony)

	require.ErrorIs(t, err, syncmod.ErrPeerRejected)
	require.Equal(t, 2, culprit(t, err).Index)
	require.ErrorContains(t, err, `refused this node: "mismatching?cluster?[0m"`)
}

// hostileTexts are what a member may call itself, or give as a reason.
var hostileTexts = map[string]string{
	"terminal codes": "\x1b[2J\x1b[31mroot# \x07",
	"lines":          "one\ntwo\r\nthree\u2028four",
	"right to left":  "\u202etxt.exe",
	"a megabyte":     strings.Repeat("long ", 200<<10),
}

func TestWhatAMemberSaysIsMadePrintableAndCutWhereverItShows(t *testing.T) {
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			s, log := newLoggedScene(t, 1)
			bob := s.others[0]
			stream := s.meet(t, bob, withNickname(text), withSession(7))
			requireFit(t, s.ceremony.Status().Peers[0].Nickname, 128)

			stream.accepted(t, bob.request(t, s.def, withNickname(text), withSession(7), withAbort(text, bob.host.ID())))

			requireFit(t, failure(t, s.ceremony).Error(), 600)
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

func TestAVersionThatIsNoneIsMadePrintableAndCut(t *testing.T) {
	s, _ := newLoggedScene(t, 1)
	bob := s.others[0]

	refusal := bob.open(t, s.host).ask(t, bob.request(t, s.def, withVersion(strings.Repeat("\x1b[31m", 1000))))

	requireFit(t, refusal.GetError(), 256)
	requireFit(t, failure(t, s.ceremony).Error(), 600)
}

func TestANicknameThatIsNotTextIsNoRequest(t *testing.T) {
	s := newScene(t, fast(), 1)
	stream := s.others[0].open(t, s.host)

	stream.write(t, []byte{6, 0, 0, 0, 0, 0, 0, 0, 6<<3 | 2, 4, 0xff, 0xfe, 0xfd, 0xfc})

	requireReset(t, stream)
	require.NoError(t, s.ceremony.Err())
}

// newLoggedScene is a scene whose node reads large frames and whose log is kept.
func newLoggedScene(t testing.TB, others int) (*scene, *logtest.Hook) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	log.SetLevel(logrus.TraceLevel)
	cfg := fast()
	cfg.MaxFrame = limit
	s := newScene(t, fast(), others)
	require.NoError(t, s.service.Stop(within(t)))
	service, err := syncmod.NewService(s.host, cfg, syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, service.Start(within(t)))
	t.Cleanup(func() { require.NoError(t, service.Stop(context.Background())) })
	s.service = service
	s.ceremony = open(t, []*node{s.node}, s.def)[0]
	return s, hook
}

// requireFit fails unless a text is fit to be shown, and short.
func requireFit(t testing.TB, text string, most int) {
	t.Helper()
	require.LessOrEqual(t, len(text), most)
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q in %q", r, text)
	}
}
