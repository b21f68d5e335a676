package stream

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// curiousScope is the scope of a resource manager with a hook.
type curiousScope struct {
	network.NullScope
	hook func()
}

func (s *curiousScope) SetService(string) error { s.hook(); return nil }

func TestAResourceManagerMayReset(t *testing.T) {
	s := newSteady(t)
	ended := 0

	s.server.serve(&steadyStream{
		conn: s.conn,
		read: func([]byte) (int, error) { return 0, io.EOF },
		scope: &curiousScope{hook: func() {
			s.server.Reset(s.ceremony)
			ended++
		}},
	})

	require.Equal(t, 1, ended)
}

// nothingOpen is a service on which no ceremony is open.
type nothingOpen struct{ oneCeremony }

func (n nothingOpen) Of(peer.ID) (in []Ceremony, open bool, changed <-chan struct{}) {
	return nil, false, n.closed
}

// endedStream is a stream that reports the code of its reset.
type endedStream struct {
	steadyStream
	resets chan<- resetOf
}

type resetOf struct {
	remote peer.ID
	code   network.StreamErrorCode
}

func (s *endedStream) ResetWithError(code network.StreamErrorCode) error {
	s.resets <- resetOf{s.conn.RemotePeer(), code}
	return nil
}

func TestWaitingStreamsHaveALimit(t *testing.T) {
	for name, state := range map[string]serverState{"held": serverOn, "unread": serverStopping} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := NewServer(
					&Config{Heartbeat: time.Second, ExchangeTimeout: 10 * time.Second, MaxFrame: 16 << 10},
					nothingOpen{oneCeremony{&fakeCeremony{t: t, closed: make(chan struct{})}}},
				)
				server.state = state
				t.Cleanup(func() {
					server.state = serverStopping // it was not started, so there is no handler to remove
					require.NoError(t, server.Stop(context.Background()))
				})
				request, err := wire.AppendRequest(nil, &syncpb.SyncRequest{Timestamp: timestamppb.Now()})
				require.NoError(t, err)
				resets := make(chan resetOf, 1+maxHeld)
				open := func(n int) { // a foreign peer opens a stream
					conn := &steadyConn{id: peer.ID(strconv.Itoa(n))}
					go server.serve(&endedStream{steadyStream{conn: conn, read: bytes.NewReader(request).Read}, resets})
					synctest.Wait()
				}
				for n := range 1024 {
					open(n)
				}
				require.Empty(t, resets)

				open(1024)

				require.Len(t, resets, 1)
				require.Equal(t, resetOf{"0", network.StreamRateLimited}, <-resets, "the newest streams stay")
			})
		})
	}
}
