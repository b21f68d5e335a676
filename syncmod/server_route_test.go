package syncmod_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// another returns a second definition of the same members.
func (s *scene) another() syncmod.Definition {
	def := s.def
	def.Hash = harness.Define("another").Hash
	return def
}

func TestAWaitingMemberIsToldWhatIsOpen(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob, other := s.others[0], s.another()
	bob.Become(7)
	stream := bob.Open(t, s.Host)
	for range 2 {
		response := stream.Ask(t, bob.Request(t, other))

		require.Empty(t, response.GetError())
		require.Zero(t, response.GetSessionId())
		require.Equal(t, "it has another definition open: "+
			hex.EncodeToString(s.def.Hash[:8])+"…", response.GetWaiting())
	}
	require.NoError(t, s.ceremony.Err())
}

func TestAnIdleServiceTellsMembersToWait(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle(0)
	alice, bob, def := c.Nodes[0], c.Raw(1), c.Define(t.Name())
	bob.Become(7)
	stream := bob.Open(t, alice.Host)
	require.Equal(t, "it has not opened this ceremony yet", stream.Greeted(t, bob.Request(t, def)))

	ceremony := alice.Open(t, def)

	stream.Accepted(t, bob.Request(t, def))
	require.True(t, bobIsIn(ceremony.Status()))
}

func TestAWaitingMemberTakesPartOnceOpened(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob, other := s.others[0], s.another()
	bob.Become(7)
	early := bob.Open(t, s.Host)
	require.NotEmpty(t, early.Greeted(t, bob.Request(t, other)))

	second := s.Open(t, other)

	early.Accepted(t, bob.Request(t, other))
	require.True(t, bobIsIn(second.Status()))
}

func TestLeftoversAreAnsweredWhileNotOpen(t *testing.T) {
	for name, says := range map[string]harness.Saying{
		"goodbye": harness.Goodbye,
		"abort":   harness.Abort("no more", ""),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			bob.Become(7)
			stream := bob.Open(t, s.Host)

			require.Empty(t, stream.Greeted(t, bob.Request(t, s.another(), harness.Step(3), says)))

			stream.RequireClosed(t)
			require.NoError(t, s.ceremony.Err())
		})
	}
}

func TestALateForeignGoodbyeIsAnswered(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	s.meet(t, bob) // bob has begun the next ceremony: the stream is left over from the last one
	stream := bob.Open(t, s.Host)

	stream.Accepted(t, bob.Request(t, s.another(), harness.Step(3), harness.Goodbye))

	stream.RequireClosed(t)
	require.NoError(t, s.ceremony.Err())
}

func TestAForeignStreamWaitsForItsDefinition(t *testing.T) {
	cfg := harness.Fast()
	cfg.OpenGrace = harness.Patience
	s := newScene(t, cfg, 1)
	bob, other := s.others[0], s.another()
	early := bob.Open(t, s.Host)
	early.Say(t, bob.Request(t, other))

	second := s.Open(t, other)

	require.Empty(t, early.Hear(t).GetError())
	require.True(t, bobIsIn(second.Status()))
}

func TestASignatureRoutesARequest(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob, other := s.others[0], s.another()
	second := s.Open(t, other)

	bob.Open(t, s.Host).Accepted(t, bob.Request(t, other))

	require.True(t, bobIsIn(second.Status()))
	require.True(t, bobIsOut(s.ceremony.Status()))
	s.meet(t, bob)
	require.True(t, bobIsIn(second.Status()))
	require.True(t, bobIsIn(s.ceremony.Status()))
}

func TestStreamsOfTwoCeremoniesAreSeparate(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob, other := s.others[0], s.another()
	second := s.Open(t, other)
	frames, streams := make([][]byte, 2), make([]harness.RawStream, 2)
	for i, def := range []syncmod.Definition{s.def, other} {
		frames[i] = harness.Frame(bob.Request(t, def, harness.DefinitionHash(def.Hash)))
		streams[i] = bob.Open(t, s.Host)
		streams[i].Send(t, frames[i][:1])
	}
	for i, stream := range streams {
		stream.Send(t, frames[i][1:])
		require.Empty(t, stream.Hear(t).GetError())
	}
	require.True(t, bobIsIn(s.ceremony.Status()))
	require.True(t, bobIsIn(second.Status()))
}

func TestAMissingForeignMemberIsBlamed(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob, other := s.others[0], s.another()
	second := s.Open(t, other)
	s.meet(t, bob) // bob is connected
	began := time.Now()

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, harness.Define("neither")))

	require.GreaterOrEqual(t, time.Since(began), harness.Fast().OpenGrace)
	require.Contains(t, refusal.GetError(), hex.EncodeToString(other.Hash[:8]))
	require.ErrorIs(t, harness.Failure(t, second), syncmod.ErrBadSignature)
	require.Equal(t, 1, harness.Culprit(t, second.Err()).Index)
	require.NoError(t, s.ceremony.Err())
}

func TestAConnectedForeignMemberIsNotBlamed(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	current := s.meet(t, bob)
	early := bob.Open(t, s.Host)
	early.Say(t, bob.Request(t, s.another()))
	for began := time.Now(); time.Since(began) < 2*harness.Fast().OpenGrace; {
		current.Accepted(t, bob.Request(t, s.def))
	}

	second := s.Open(t, s.another())

	require.Empty(t, early.Hear(t).GetError())
	require.True(t, bobIsIn(second.Status()))
	require.NoError(t, s.ceremony.Err())
}

func TestAnUnmatchedForeignSignatureIsFatal(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.another()))

	require.Contains(t, refusal.GetError(), hex.EncodeToString(s.def.Hash[:8]))
	err := harness.Failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrBadSignature)
	require.Equal(t, 1, harness.Culprit(t, err).Index)
}

func TestABadSignatureOfAKnownHashIsFatal(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)

	refusal := bob.Open(t, s.Host).Ask(t, bob.Request(t, s.another(), harness.DefinitionHash(s.def.Hash)))

	require.NotEmpty(t, refusal.GetError())
	require.ErrorIs(t, harness.Failure(t, s.ceremony), syncmod.ErrBadSignature)
}

func TestAnEarlyStreamWaitsForACeremony(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle(0)
	alice, bob, def := c.Nodes[0], c.Raw(1), c.Define(t.Name())
	early := bob.Open(t, alice.Host)
	early.Say(t, bob.Request(t, def))

	ceremony := alice.Open(t, def)

	require.Empty(t, early.Hear(t).GetError())
	require.True(t, bobIsIn(ceremony.Status()))
}

func TestOneWaitingForeignStreamIsKept(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle(0)
	alice, bob, def := c.Nodes[0], c.Raw(1), c.Define(t.Name())
	streams := []harness.RawStream{bob.Open(t, alice.Host), bob.Open(t, alice.Host)}
	answers := []<-chan error{streams[0].Listen(), streams[1].Listen()}
	for _, stream := range streams {
		stream.Say(t, bob.Request(t, def))
	}
	reset := 0 // handlers run in any order, so either stream may be the one that is reset
	select {
	case err := <-answers[0]:
		require.Equal(t, "reset: rate limited", harness.EndOf(err))
	case err := <-answers[1]:
		require.Equal(t, "reset: rate limited", harness.EndOf(err))
		reset = 1
	}

	alice.Open(t, def)

	require.NoError(t, harness.Next(t, answers[1-reset]))
}

func TestAMemberIsAStrangerElsewhere(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	carol := harness.NewRawPeer(t)
	other := harness.Define("another", s.Host, carol.Host)
	second := s.Open(t, other)

	carol.Become(7)

	waiting := carol.Open(t, s.Host).Greeted(t, carol.Request(t, s.def))

	require.Equal(t, "it has another definition open: "+
		hex.EncodeToString(other.Hash[:8])+"…", waiting)
	require.NoError(t, s.ceremony.Err())
	require.NoError(t, second.Err())
}
