package stream

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// These measure what a stream costs while it has nothing new to say. Memory replaces
// libp2p's part, and one goroutine plays both sides of an exchange.

// BenchmarkSteadyServer measures a request that repeats the one before, from the first
// byte that is read to the answer that is written.
func BenchmarkSteadyServer(b *testing.B) {
	s := newSteady(b)
	b.ReportAllocs()
	s.serve(b, b.N, b.ResetTimer)
}

// BenchmarkSteadyClient measures a heartbeat, from the moment that it is due until its
// answer is processed.
func BenchmarkSteadyClient(b *testing.B) {
	s := newSteady(b)
	b.ReportAllocs()
	s.beat(b, b.N, b.ResetTimer)
}

func TestARepetitionHardlyAllocates(t *testing.T) {
	s := newSteady(t)

	allocs := allocsPer(func(exchanges int, begin func()) { s.serve(t, exchanges, begin) })

	require.LessOrEqual(t, allocs, 2.0)
}

func TestAHeartbeatHardlyAllocates(t *testing.T) {
	s := newSteady(t)

	allocs := allocsPer(func(exchanges int, begin func()) { s.beat(t, exchanges, begin) })

	require.LessOrEqual(t, allocs, 2.0)
}

func TestAttestingAddsNoAllocations(t *testing.T) {
	s := newSteady(t)
	plain := allocsPer(func(exchanges int, begin func()) { s.beat(t, exchanges, begin) })
	s.ceremony.announcement = s.ceremony.terms.NewAnnouncement(
		Announcement{Step: 2, Result: make([]byte, 32), Attestation: make([]byte, 71)}, time.Now())

	allocs := allocsPer(func(exchanges int, begin func()) { s.beat(t, exchanges, begin) })

	require.LessOrEqual(t, allocs, plain)
}

// allocsPer returns the allocations of one exchange, rounded down to a tenth, because
// the process may make others.
func allocsPer(run func(exchanges int, begin func())) float64 {
	const exchanges = 10_000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	run(exchanges, func() { runtime.ReadMemStats(&before) })
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs-before.Mallocs)*10/exchanges) / 10
}

// steady is a ceremony of two members; the test plays the second one.
type steady struct {
	cfg      *Config
	server   *Server
	ceremony *fakeCeremony
	member   crypto.PrivKey
	conn     *steadyConn
}

func newSteady(t testing.TB) *steady {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	key, public, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	id, err := peer.IDFromPublicKey(public)
	require.NoError(t, err)
	cfg := &Config{
		Observe: "/observe",
		Host:    h, Protocol: "/steady", Service: "steady", Heartbeat: time.Second, ExchangeTimeout: 10 * time.Second,
		OpenGrace: 10 * time.Second, BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second, MaxFrame: 16 << 10,
	}
	c := newFakeCeremony(t, NewTerms(Terms{
		Hash: []byte("steady"), Members: []peer.AddrInfo{{ID: h.ID()}, {ID: id}}, Session: 7, Version: "v1.0",
	}))
	server := NewServer(cfg, oneCeremony{c})
	require.NoError(t, server.Start())
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return &steady{cfg: cfg, server: server, ceremony: c, member: key, conn: &steadyConn{id: id, key: public}}
}

// serve makes the server answer a first request and then the given number of
// repetitions. It calls begin once the first repetition has been answered.
func (s *steady) serve(t testing.TB, exchanges int, begin func()) {
	t.Helper()
	signature, err := s.member.Sign(s.ceremony.terms.Hash)
	require.NoError(t, err)
	_, err = s.ceremony.Outbound(Opening{Member: 1, ID: 99}).Response(roster.Response{Session: 1}) // it knows this node
	require.NoError(t, err)
	request := func(i int) []byte {
		frame, err := wire.AppendRequest(nil, &syncpb.SyncRequest{
			Timestamp: timestamppb.New(time.Unix(1_700_000_000, int64(100_000_000+i))), HashSignature: signature,
			Version: s.ceremony.terms.Version, SessionId: 1, Addressee: s.ceremony.terms.Session,
		})
		require.NoError(t, err)
		return frame
	}
	frames := [][]byte{request(1), request(2)}
	var pending []byte
	asked, answered := 0, 0
	s.server.serve(&steadyStream{
		conn: s.conn,
		read: func(p []byte) (int, error) {
			if len(pending) == 0 {
				switch asked {
				case 1 + exchanges:
					return 0, io.EOF
				case 2: // the first repetition has allocated what is allocated only once
					begin()
				}
				pending = frames[asked%len(frames)]
				asked++
			}
			n := copy(p, pending)
			pending = pending[n:]
			return n, nil
		},
		write: func([]byte) { answered++ },
	})
	require.Equal(t, 1+exchanges, answered)
}

// beat makes a client send the given number of heartbeats.
func (s *steady) beat(t testing.TB, exchanges int, begin func()) {
	t.Helper()
	granted, err := wire.AppendResponse(nil, &syncpb.SyncResponse{SyncTimestamp: timestamppb.Now(), SessionId: 1})
	require.NoError(t, err)
	_, rest, ok := wire.SplitTimestamp(granted[wire.HeaderSize:])
	require.True(t, ok)
	var answer, pending []byte
	var o *outbound
	asked, beats := 0, 0
	stream := &steadyStream{
		conn: s.conn,
		read: func(p []byte) (int, error) {
			if len(pending) == 0 {
				switch beats {
				case 1 + exchanges:
					return 0, io.EOF
				case 2:
					begin()
				}
				beats++
				o.at = o.at.Add(-s.cfg.Heartbeat)
				o.client.due.Or(dueBeat)
				o.client.say()
			}
			n := copy(p, pending)
			pending = pending[n:]
			return n, nil
		},
		write: func(frame []byte) {
			timestamp, _, _ := wire.SplitTimestamp(frame[wire.HeaderSize:])
			answer = wire.AppendEcho(answer[:0], timestamp, rest)
			pending = answer
			asked++
		},
	}
	clients := NewClients(s.cfg, s.ceremony.Broken).Of(s.ceremony)
	defer clients.End()
	o = newOutbound(clients.members[1], stream)
	o.announced.Store(s.ceremony.Announcement())
	o.facts = s.ceremony.Outbound(Opening{Member: 1, ID: o.id})
	o.client.current.Store(o)
	o.read(t.Context())
	require.Equal(t, 1+exchanges, asked)
	require.Equal(t, int64(1+exchanges), o.messages)
}

// steadyStream is a stream in memory. The methods that a steady stream does not need
// are nil.
type steadyStream struct {
	network.Stream
	conn  network.Conn
	read  func([]byte) (int, error)
	write func([]byte)
	ends  func(how string)
	scope network.StreamScope
}

func (s *steadyStream) Read(p []byte) (int, error) { return s.read(p) }

func (s *steadyStream) Write(p []byte) (int, error) {
	s.write(p)
	return len(p), nil
}

func (s *steadyStream) Scope() network.StreamScope {
	return cmp.Or[network.StreamScope](s.scope, &network.NullScope{})
}

func (s *steadyStream) Conn() network.Conn                           { return s.conn }
func (s *steadyStream) Protocol() protocol.ID                        { return "/steady" }
func (s *steadyStream) SetReadDeadline(time.Time) error              { return nil }
func (s *steadyStream) SetWriteDeadline(time.Time) error             { return nil }
func (s *steadyStream) CloseWrite() error                            { return s.end("closed for writing") }
func (s *steadyStream) Close() error                                 { return s.end("closed") }
func (s *steadyStream) ResetWithError(network.StreamErrorCode) error { return s.end("reset") }

func (s *steadyStream) end(how string) error {
	if s.ends != nil {
		s.ends(how)
	}
	return nil
}

type steadyConn struct {
	network.Conn
	id  peer.ID
	key crypto.PubKey
}

func (c *steadyConn) RemotePeer() peer.ID            { return c.id }
func (c *steadyConn) RemotePublicKey() crypto.PubKey { return c.key }
func (c *steadyConn) Stat() network.ConnStats        { return network.ConnStats{} }
func (c *steadyConn) IsClosed() bool                 { return false }
