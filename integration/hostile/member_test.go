package hostile_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// The operators of a scene: three real nodes and a hostile member.
const (
	alice, bob, carol, dave = 0, 1, 2, 3
)

// The sessions that dave may have.
const (
	foreign = 0 // none, like members that run other implementations
	session = 7
)

var honest = []int{alice, bob, carol}

// member is dave. He has a member's key, and says what the test wants.
type member struct {
	*harness.Cluster
	self  *harness.RawPeer
	about string

	hook   atomic.Pointer[answer] // how he answers alice; nil: as a member should
	fates  chan string            // what came next on streams where he misbehaved
	copied atomic.Pointer[syncpb.SyncRequest]
}

// answer answers a request with bytes.
type answer func(s harness.RawStream, r *syncpb.SyncRequest)

// What dave can say.
var (
	step, ofSession, version, nickname = harness.Step, harness.Session, harness.Version, harness.Nickname
	goodbye, abort, traceparent        = harness.Goodbye, harness.Abort, harness.Traceparent
	signature, definitionHash          = harness.Signature, harness.DefinitionHash
	addressee, memberList              = harness.Addressee, harness.Members
)

// unlimited gives hosts a resource manager without limits, so that the limits of the
// tested code have to hold.
func unlimited() harness.Option {
	return harness.Hosts(libp2p.ResourceManager(&network.NullResourceManager{}))
}

// newMember makes a cluster in which dave is hostile. Its services do not run yet.
func newMember(t testing.TB, config syncmod.Config, session uint64) *member {
	t.Helper()
	c := harness.New(t, 4, harness.With(config), unlimited())
	m := &member{Cluster: c, self: c.Raw(dave), about: t.Name(), fates: make(chan string, 64)}
	m.self.Handle(m.serve)
	m.self.Become(session)
	for _, i := range honest { // before they dial: when two hosts dial each other at the same moment, both may fail
		m.self.Connect(t, m.Nodes[i].Host)
	}
	return m
}

// running returns a cluster that has passed step 1, dave included.
func running(t testing.TB, config syncmod.Config, session uint64) *member {
	t.Helper()
	m := newMember(t, config, session)
	m.Start(honest...)
	m.enter(t, 1)
	m.Advance(honest...)
	return m
}

// enter makes dave announce a step to everyone, as a member should.
func (m *member) enter(t testing.TB, n int64) {
	t.Helper()
	for _, i := range honest {
		m.insist(t, i, m.requestTo(t, i, step(n)))
	}
}

// insist makes dave repeat a request until it is answered. A stream that he opened
// earlier may arrive later and replace this one.
func (m *member) insist(t testing.TB, to int, r *syncpb.SyncRequest) {
	t.Helper()
	for {
		response, err := m.open(t, to).Exchange(r)
		if reset, ok := errors.AsType[*network.StreamError](err); ok && reset.ErrorCode == network.StreamRateLimited {
			continue
		}
		require.NoError(t, err)
		require.Empty(t, response.GetError())
		return
	}
}

// open opens a stream to a node.
func (m *member) open(t testing.TB, to int) harness.RawStream {
	t.Helper()
	s, err := m.self.Host.NewStream(t.Context(), m.Nodes[to].ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Reset() })
	return harness.RawStream{Stream: s, Peer: m.self}
}

// request returns what dave says to alice at step 1.
func (m *member) request(t testing.TB, says ...harness.Saying) *syncpb.SyncRequest {
	t.Helper()
	return m.requestTo(t, alice, says...)
}

// requestTo returns what dave says at step 1 to a node that has met him.
func (m *member) requestTo(t testing.TB, to int, says ...harness.Saying) *syncpb.SyncRequest {
	t.Helper()
	def := syncmod.Definition{Hash: harness.Hash(m.about)}
	known := []harness.Saying{step(1)}
	if m.self.Session() != foreign {
		known = append(known, harness.Addressee(m.self.Meet(t, m.Nodes[to].ID())))
	}
	return m.self.Request(t, def, append(known, says...)...)
}

// sign returns dave's signature of a definition.
func (m *member) sign(t testing.TB, about string) []byte {
	t.Helper()
	b, err := m.Nodes[dave].Key.Sign(harness.Hash(about))
	require.NoError(t, err)
	return b
}

// From now on, misbehave(a) makes dave answer every request of alice with a. behave
// makes him answer her as a member should.
func (m *member) misbehave(a answer) { m.hook.Store(&a) }
func (m *member) behave()            { m.hook.Store(nil) }

// serve answers the requests on another member's stream.
func (m *member) serve(s harness.RawStream) {
	var was *answer // the misbehaviour that answered the previous request, or nil
	for {
		r := new(syncpb.SyncRequest)
		if err := s.ReadRequest(r); err != nil {
			m.tell(was, harness.EndOf(err))
			_ = s.Reset()
			return
		}
		if s.Conn().RemotePeer() == m.Nodes[bob].ID() {
			m.copied.Store(r)
		}
		if r.GetAbort() != "" {
			m.tell(was, "told why")
		} else {
			m.tell(was, "goes on")
		}
		if was = m.hook.Load(); was != nil && s.Conn().RemotePeer() == m.Nodes[alice].ID() {
			(*was)(s, r)
			continue
		}
		was = nil
		_, _ = s.Write(answerTo(s, r))
		if r.GetShutdown() || r.GetAbort() != "" {
			_ = s.Close()
			return
		}
	}
}

func (m *member) tell(was *answer, fate string) {
	if was == nil {
		return
	}
	select {
	case m.fates <- fate:
	default: // nobody waits for the fate any longer
	}
}
