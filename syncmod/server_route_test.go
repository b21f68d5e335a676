package syncmod_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
)

// another is a second definition of the same members.
func (s *scene) another() syncmod.Definition {
	def := s.def
	def.Hash = definitionOf("another").Hash
	return def
}

func TestAStreamForADefinitionThatIsNotOpenHereIsToldBothHashes(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob, other := s.others[0], s.another()

	began := time.Now()
	stream := bob.open(t, s.host)
	refusal := stream.ask(t, bob.request(t, other, withHash(other.Hash)))

	require.GreaterOrEqual(t, time.Since(began), fast().OpenGrace)
	require.Contains(t, refusal.GetError(), hex.EncodeToString(other.Hash[:8]))
	require.Contains(t, refusal.GetError(), hex.EncodeToString(s.def.Hash[:8]))
	requireClosed(t, stream)
	require.NoError(t, s.ceremony.Err())
}

func TestAStreamWaitsForItsDefinitionToBeOpened(t *testing.T) {
	cfg := fast()
	cfg.OpenGrace = patience
	s := newScene(t, cfg, 1)
	bob, other := s.others[0], s.another()
	early := bob.open(t, s.host)
	early.say(t, bob.request(t, other, withHash(other.Hash)))

	second := open(t, []*node{s.node}, other)[0]

	require.Empty(t, early.hear(t).GetError())
	require.True(t, bobIsIn(second.Status()))
}

func TestARequestWithoutAHashIsRoutedByItsSignature(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob, other := s.others[0], s.another()
	second := open(t, []*node{s.node}, other)[0]

	bob.open(t, s.host).accepted(t, bob.request(t, other))

	require.True(t, bobIsIn(second.Status()))
	require.True(t, bobIsOut(s.ceremony.Status()))
	s.meet(t, bob)
	require.True(t, bobIsIn(second.Status()))
	require.True(t, bobIsIn(s.ceremony.Status()))
}

func TestStreamsOfTwoCeremoniesDoNotGetInEachOthersWay(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob, other := s.others[0], s.another()
	second := open(t, []*node{s.node}, other)[0]
	frames, streams := make([][]byte, 2), make([]*rawStream, 2)
	for i, def := range []syncmod.Definition{s.def, other} {
		frame, err := wire.AppendRequest(nil, bob.request(t, def, withHash(def.Hash)))
		require.NoError(t, err)
		frames[i], streams[i] = frame, bob.open(t, s.host)
		streams[i].write(t, frame[:1])
	}
	for i, stream := range streams {
		stream.write(t, frames[i][1:])
		require.Empty(t, stream.hear(t).GetError())
	}
	require.True(t, bobIsIn(s.ceremony.Status()))
	require.True(t, bobIsIn(second.Status()))
}

func TestASignatureThatFitsNoneOfSeveralIsHeldAndThenRefused(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob, other := s.others[0], s.another()
	second := open(t, []*node{s.node}, other)[0]
	stream := bob.open(t, s.host)

	refusal := stream.ask(t, bob.request(t, s.def, withSignature([]byte("none"))))

	require.Contains(t, refusal.GetError(), hex.EncodeToString(other.Hash[:8]))
	require.Contains(t, refusal.GetError(), hex.EncodeToString(s.def.Hash[:8]))
	requireClosed(t, stream)
	require.NoError(t, s.ceremony.Err())
	require.NoError(t, second.Err())
}

func TestASignatureThatDoesNotFitTheOnlyOneIsFatal(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]

	refusal := bob.open(t, s.host).ask(t, bob.request(t, s.another()))

	require.Contains(t, refusal.GetError(), hex.EncodeToString(s.def.Hash[:8]))
	err := failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrBadSignature)
	require.Equal(t, 1, culprit(t, err).Index)
}

func TestAHashThatFitsWithASignatureThatDoesNotIsFatal(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]

	refusal := bob.open(t, s.host).ask(t, bob.request(t, s.another(), withHash(s.def.Hash)))

	require.NotEmpty(t, refusal.GetError())
	require.ErrorIs(t, failure(t, s.ceremony), syncmod.ErrBadSignature)
}

func TestAStreamThatComesBeforeAnyCeremonyIsKeptUntilThereIsOne(t *testing.T) {
	alice, bob := newHost(t), newRawPeer(t)
	n := &node{host: alice, service: startService(t, alice, fast())}
	def := definitionOf(t.Name(), alice, bob.host)
	early := bob.open(t, alice)
	early.say(t, bob.request(t, def))

	c := open(t, []*node{n}, def)[0]

	require.Empty(t, early.hear(t).GetError())
	require.True(t, bobIsIn(c.Status()))
}

func TestOfTheStreamsThatComeBeforeAnyCeremonyOneIsKept(t *testing.T) {
	alice, bob := newHost(t), newRawPeer(t)
	n := &node{host: alice, service: startService(t, alice, fast())}
	def := definitionOf(t.Name(), alice, bob.host)
	streams := []*rawStream{bob.open(t, alice), bob.open(t, alice)}
	answers := []<-chan error{streams[0].listen(), streams[1].listen()}
	reset := 0 // either: handlers start in any order
	select {
	case err := <-answers[0]:
		require.Equal(t, "reset", endOf(err).how)
	case err := <-answers[1]:
		require.Equal(t, "reset", endOf(err).how)
		reset = 1
	}

	streams[1-reset].say(t, bob.request(t, def))
	open(t, []*node{n}, def)

	require.NoError(t, next(t, answers[1-reset]))
}

func TestAMemberOfOneCeremonyIsAStrangerToAnother(t *testing.T) {
	s := newScene(t, fast(), 1)
	carol := newRawPeer(t)
	other := definitionOf("another", s.host, carol.host)
	second := open(t, []*node{s.node}, other)[0]

	stream := carol.open(t, s.host)
	stream.say(t, carol.request(t, s.def, withHash(s.def.Hash)))

	refusal := stream.hear(t)
	require.Contains(t, refusal.GetError(), "not open here")
	require.NotContains(t, refusal.GetError(), "here with this member: "+hex.EncodeToString(s.def.Hash[:8]))
	require.NoError(t, s.ceremony.Err())
	require.NoError(t, second.Err())
}
