package syncmod_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// newCluster starts n nodes, and returns them with a definition of which they
// are the members.
func newCluster(
	t testing.TB, n int, cfg syncmod.Config, opts ...harness.Option,
) ([]*harness.Node, syncmod.Definition) {
	t.Helper()
	c := harness.New(t, n, append(opts, harness.With(cfg))...)
	c.Idle()
	return c.Nodes, c.Define(t.Name())
}

// sessions are the sessions of members played by hand, by the kind of member.
var sessions = map[string]uint64{"foreign": 0, "dkgsync": 7}

// scene is one real node, alice, among members that the test plays by hand.
type scene struct {
	*harness.Node
	def      syncmod.Definition
	ceremony *syncmod.Ceremony
	others   []*harness.RawPeer // operators 1, 2, …: bob, carol, …
}

func newScene(t testing.TB, cfg syncmod.Config, others int) *scene {
	t.Helper()
	c := harness.New(t, 1+others, harness.With(cfg))
	return play(t, c, c.Define(t.Name()))
}

// play opens a definition on a node among members played by hand.
func play(t testing.TB, c *harness.Cluster, def syncmod.Definition) *scene {
	t.Helper()
	s := &scene{Node: c.Nodes[0], def: def}
	c.Idle(0)
	for _, i := range c.Except(0) {
		p := c.Raw(i)
		p.Connect(t, s.Host) // before alice dials: two hosts that dial each other at the same moment may both fail
		s.others = append(s.others, p)
	}
	s.ceremony = s.Open(t, def)
	return s
}

// meet opens a stream from a member to alice and sends its first request, which
// alice must accept.
func (s *scene) meet(t testing.TB, p *harness.RawPeer, says ...harness.Saying) harness.RawStream {
	t.Helper()
	stream := p.Open(t, s.Host)
	stream.Accepted(t, p.Request(t, s.def, says...))
	return stream
}

// run brings alice and the others past the barrier of step 1. The others answer
// everything.
func (s *scene) run(t testing.TB) []harness.RawStream {
	t.Helper()
	var streams []harness.RawStream
	for _, p := range s.others {
		p.Answer()
		streams = append(streams, s.meet(t, p, harness.Step(1)))
	}
	step, err := s.ceremony.Advance(harness.Within(t))
	require.NoError(t, err)
	require.Equal(t, int64(1), step)
	return streams
}
