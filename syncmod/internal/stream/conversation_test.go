package stream

import (
	"context"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
)

// silentStream is a stream on which nothing arrives. It counts the writes. While it
// takes no bytes, a write blocks until its deadline.
type silentStream struct {
	steadyStream
	stuck   bool
	written int
	ended   context.Context // ends when a read must return
	end     context.CancelFunc

	mu   sync.Mutex
	late context.Context // ends when a write must return
	stop context.CancelFunc
}

func newSilent(conn network.Conn, stuck bool) *silentStream {
	s := &silentStream{stuck: stuck}
	s.conn = conn
	s.ended, s.end = context.WithCancel(context.Background())
	return s
}

func (s *silentStream) Read([]byte) (int, error) {
	<-s.ended.Done()
	return 0, os.ErrDeadlineExceeded
}

func (s *silentStream) SetReadDeadline(time.Time) error {
	s.end()
	return nil
}

func (s *silentStream) Write(p []byte) (int, error) {
	s.written++
	if !s.stuck {
		return len(p), nil
	}
	s.mu.Lock()
	late := s.late
	s.mu.Unlock()
	<-late.Done()
	return 0, os.ErrDeadlineExceeded
}

func (s *silentStream) SetWriteDeadline(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil && at.Before(time.Now()) {
		s.stop()
	}
	s.late, s.stop = context.WithDeadline(context.Background(), at)
	return nil
}

func (s *silentStream) ResetWithError(network.StreamErrorCode) error {
	s.end()
	return nil
}

// relayedConn is a connection through a relay.
type relayedConn struct{ steadyConn }

func (*relayedConn) Stat() network.ConnStats {
	return network.ConnStats{Stats: network.Stats{Limited: true}}
}

func (*relayedConn) RemoteMultiaddr() multiaddr.Multiaddr {
	return multiaddr.StringCast("/ip4/127.0.0.1")
}

// direct is a host that is directly connected with every member. The test makes its
// stream.
type direct struct {
	host.Host
	stream *silentStream
}

func (direct) Network() network.Network { return full{} }

func (d direct) NewStream(context.Context, peer.ID, ...protocol.ID) (network.Stream, error) {
	return d.stream, nil
}

type full struct{ network.Network }

func (full) Connectedness(peer.ID) network.Connectedness { return network.Connected }

// newRelayed returns a client that has sent a first request on a stream through a
// relay and has received the response.
func newRelayed(t *testing.T, h host.Host, stream network.Stream) (c *fakeCeremony, o *outbound) {
	t.Helper()
	c = newFakeCeremony(t, NewTerms(Terms{Hash: []byte("moving"), Members: membersOf(2), Session: 7, Version: "v1.0"}))
	cfg := &Config{Host: h, Heartbeat: time.Second, ExchangeTimeout: 10 * time.Second, MaxFrame: 16 << 10}
	o = newOutbound(NewClients(cfg, c.Broken).Of(c).members[1], stream)
	require.NoError(t, o.begin())
	o.client.attach(o)
	o.client.say()
	o.answer()
	return c, o
}

func TestNothingFollowsAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := newSilent(&steadyConn{}, false)
		c, o := newRelayed(t, lonely{}, stream)
		stream.stuck = true
		c.announcement = c.terms.NewAnnouncement(Announcement{Step: 1}, time.Now())
		go o.client.say()
		synctest.Wait()
		o.client.due.Or(dueRepeat)

		after(time.Minute)
		synctest.Wait()

		require.Equal(t, 2, stream.written, "the hello, and what failed")
	})
}

func TestAStreamDoesNotBeginWithAnAbort(t *testing.T) {
	stream := newSilent(&steadyConn{}, false)
	c, before := newRelayed(t, lonely{}, newSilent(&steadyConn{}, false))
	cl := before.client
	o := newOutbound(cl, stream)
	require.NoError(t, o.begin())
	c.announcement = c.terms.NewAnnouncement(Announcement{Abort: "broken"}, time.Now())

	cl.attach(o)
	cl.say()
	cl.due.Or(dueBeat | dueRepeat)
	cl.say()

	require.Zero(t, stream.written)
}

func TestALateResponseDoesNotPreventAMove(t *testing.T) {
	for name, c := range map[string]struct {
		says  Announcement
		moves bool
	}{
		"step":    {Announcement{Step: 2}, true},
		"goodbye": {Announcement{Step: 2, Goodbye: true}, false},
		"abort":   {Announcement{Step: 2, Abort: "broken"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			to := newSilent(&steadyConn{}, false)
			ceremony, o := newRelayed(t, direct{stream: to}, newSilent(&relayedConn{}, false))
			ceremony.announcement = ceremony.terms.NewAnnouncement(c.says, time.Now())
			o.client.say()
			require.Equal(t, 1, o.waiting())

			require.Equal(t, c.moves, o.client.move(t.Context(), o))

			require.Equal(t, c.moves, to.written == 1)
		})
	}
}

func TestEndInterruptsAMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := newSilent(&steadyConn{}, true)
		_, o := newRelayed(t, direct{stream: stuck}, newSilent(&relayedConn{}, false))
		over := make(chan struct{})
		go func() {
			defer close(over)
			o.client.move(t.Context(), o)
		}()
		synctest.Wait()
		require.Equal(t, 1, stuck.written)
		began := time.Now()

		o.client.set.End()

		<-over
		require.Zero(t, time.Since(began))
	})
}
