package syncmod_test

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// scene is one real node, alice, among members that the test plays by hand.
type scene struct {
	*node
	def      syncmod.Definition
	ceremony *syncmod.Ceremony
	others   []*rawPeer // operators 1, 2, …: bob, carol, …
}

func newScene(t testing.TB, cfg syncmod.Config, others int) *scene {
	t.Helper()
	s := &scene{node: &node{host: newHost(t)}}
	hosts := []host.Host{s.host}
	for range others {
		p := newRawPeer(t)
		s.others = append(s.others, p)
		hosts = append(hosts, p.host)
	}
	s.def = definitionOf(t.Name(), hosts...)
	s.service = startService(t, s.host, cfg)
	for _, p := range s.others {
		p.connect(t, s.host) // before alice dials: two hosts that dial each other at the same moment may both fail
	}
	s.ceremony = open(t, []*node{s.node}, s.def)[0]
	return s
}

// meet opens a stream of a member to alice and says its first request, which
// has to be accepted.
func (s *scene) meet(t testing.TB, p *rawPeer, says ...saying) *rawStream {
	t.Helper()
	stream := p.open(t, s.host)
	stream.accepted(t, p.request(t, s.def, says...))
	return stream
}

// run brings alice and the others, who answer everything, past the barrier of
// step 1.
func (s *scene) run(t testing.TB) []*rawStream {
	t.Helper()
	var streams []*rawStream
	for _, p := range s.others {
		p.answer()
		streams = append(streams, s.meet(t, p, withStep(1)))
	}
	step, err := s.ceremony.Advance(within(t))
	require.NoError(t, err)
	require.Equal(t, int64(1), step)
	return streams
}

// until watches a ceremony until its status is as wanted.
func until(t testing.TB, c *syncmod.Ceremony, wanted func(syncmod.Status) bool) syncmod.Status {
	t.Helper()
	var last syncmod.Status
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for last = range c.Watch(ctx) {
		if wanted(last) {
			return last
		}
	}
	require.Failf(t, "the status never became as wanted", "the last one: %+v", last)
	return last
}

// failure waits until a ceremony has failed.
func failure(t testing.TB, c *syncmod.Ceremony) error {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		require.Fail(t, "the ceremony goes on")
	}
	require.Error(t, c.Err())
	return c.Err()
}

// culprit is the member that a failure names.
func culprit(t testing.TB, err error) *syncmod.PeerError {
	t.Helper()
	var failed *syncmod.PeerError
	require.ErrorAs(t, err, &failed)
	return failed
}
