package hostile_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// The operators of a scene: three real nodes, and a member that is hostile.
const (
	alice, bob, carol, dave = 0, 1, 2, 3
	session                 = 7 // of dave, where he has one
)

var honest = []int{alice, bob, carol}

// member is dave: he has the keys of a member, and says what the test wants.
type member struct {
	*harness.Cluster
	host  host.Host
	about string
	says  []saying // with everything

	hook   atomic.Pointer[answer] // how he answers alice, unless he behaves
	fates  chan string            // what came next on the streams where he did
	copied atomic.Pointer[syncpb.SyncRequest]
}

// answer is how a member answers a request, in bytes.
type answer func(s stream, r *syncpb.SyncRequest)

// saying changes what a request says.
type saying func(*syncpb.SyncRequest)

func step(n int64) saying           { return func(r *syncpb.SyncRequest) { r.Step = n } }
func ofSession(n uint64) saying     { return func(r *syncpb.SyncRequest) { r.SessionId = n } }
func version(v string) saying       { return func(r *syncpb.SyncRequest) { r.Version = v } }
func nickname(name string) saying   { return func(r *syncpb.SyncRequest) { r.Nickname = name } }
func goodbye(r *syncpb.SyncRequest) { r.Shutdown = true }
func signature(b []byte) saying     { return func(r *syncpb.SyncRequest) { r.HashSignature = b } }

func definitionHash(hash []byte) saying {
	return func(r *syncpb.SyncRequest) { r.DefinitionHash = hash }
}

func traceparent(text string) saying { return func(r *syncpb.SyncRequest) { r.Traceparent = text } }

func abort(reason string, culprit peer.ID) saying {
	return func(r *syncpb.SyncRequest) { r.Abort, r.Culprit = reason, []byte(culprit) }
}

// unlimited gives hosts a resource manager that limits nothing: what holds then
// is our own doing.
func unlimited() harness.Option {
	return harness.Hosts(libp2p.ResourceManager(&network.NullResourceManager{}))
}

// newMember makes a cluster of which dave is hostile; nothing runs on it yet.
func newMember(t testing.TB, config syncmod.Config, says ...saying) *member {
	t.Helper()
	c := harness.New(t, 4, harness.With(config), unlimited())
	m := &member{Cluster: c, host: c.Nodes[dave].Host, about: t.Name(), says: says, fates: make(chan string, 64)}
	m.host.SetStreamHandler(syncmod.ProtocolID, m.serve)
	for _, i := range honest { // before they dial: two hosts that dial each other at the same moment may both fail
		m.connect(t, i)
	}
	return m
}

// running is a cluster that has passed step 1, dave included.
func running(t testing.TB, config syncmod.Config, says ...saying) *member {
	t.Helper()
	m := newMember(t, config, says...)
	m.Start(honest...)
	m.enter(t, 1)
	m.Advance(honest...)
	return m
}

func (m *member) connect(t testing.TB, to int) {
	t.Helper()
	h := m.Nodes[to].Host
	require.NoError(t, m.host.Connect(t.Context(), peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}))
}

// enter has dave tell everyone a step, as a member should.
func (m *member) enter(t testing.TB, n int64) {
	t.Helper()
	for _, i := range honest {
		m.insist(t, i, m.request(t, step(n)))
	}
}

// insist has dave say a request until it is answered: streams that he has opened before
// may arrive later, and take the place of this one.
func (m *member) insist(t testing.TB, to int, r *syncpb.SyncRequest) {
	t.Helper()
	for {
		s := m.open(t, to)
		_, err := s.Write(frame(r))
		response := new(syncpb.SyncResponse)
		if err == nil {
			require.NoError(t, s.SetReadDeadline(time.Now().Add(harness.Patience)))
			err = s.read(response)
		}
		if reset, ok := errors.AsType[*network.StreamError](err); ok && reset.ErrorCode == network.StreamRateLimited {
			continue
		}
		require.NoError(t, err)
		require.Empty(t, response.GetError())
		return
	}
}

// open opens a stream to a node.
func (m *member) open(t testing.TB, to int) stream {
	t.Helper()
	s, err := m.host.NewStream(t.Context(), m.Nodes[to].ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Reset() })
	return stream{s}
}

// request is what dave has to say, at step 1.
func (m *member) request(t testing.TB, says ...saying) *syncpb.SyncRequest {
	t.Helper()
	r := &syncpb.SyncRequest{Timestamp: timestamppb.Now(), HashSignature: m.sign(t, m.about), Version: "v1.0", Step: 1}
	for _, say := range append(append([]saying{}, m.says...), says...) {
		say(r)
	}
	return r
}

// sign is dave's signature of a definition.
func (m *member) sign(t testing.TB, about string) []byte {
	t.Helper()
	b, err := m.Nodes[dave].Key.Sign(harness.Hash(about))
	require.NoError(t, err)
	return b
}

// misbehave has dave answer alice in this way from now on, behave has him answer
// her as a member should.
func (m *member) misbehave(a answer) { m.hook.Store(&a) }
func (m *member) behave()            { m.hook.Store(nil) }

// serve answers the requests on a stream of another member.
func (m *member) serve(opened network.Stream) {
	s := stream{opened}
	var was *answer // how the request before was answered, unless as it should
	for {
		r := new(syncpb.SyncRequest)
		if err := s.read(r); err != nil {
			m.tell(was, endOf(err))
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
		_, _ = s.Write(frame(&syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}))
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
	default: // nobody asks any more
	}
}
