package syncmod_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

// brokenHost is a host that panics once each time it is armed, in the goroutine
// of the stream that calls it.
type brokenHost struct {
	host.Host
	armed atomic.Pointer[string] // the call that panics
}

func (h *brokenHost) arm(what string) { h.armed.Store(&what) }

func (h *brokenHost) breaks(what string) {
	if armed := h.armed.Load(); armed != nil && *armed == what && h.armed.CompareAndSwap(armed, nil) {
		panic(what + " is broken")
	}
}

func (h *brokenHost) NewStream(ctx context.Context, to peer.ID, ids ...protocol.ID) (network.Stream, error) {
	h.breaks("opening a stream")
	s, err := h.Host.NewStream(ctx, to, ids...)
	if err != nil {
		return nil, err
	}
	return brokenOutbound{s, h}, nil
}

func (h *brokenHost) Peerstore() peerstore.Peerstore { return brokenStore{h.Host.Peerstore(), h} }

func (h *brokenHost) SetStreamHandler(id protocol.ID, handle network.StreamHandler) {
	h.Host.SetStreamHandler(id, func(s network.Stream) { handle(brokenStream{s, h}) })
}

type brokenStore struct {
	peerstore.Peerstore
	host *brokenHost
}

func (s brokenStore) RecordLatency(id peer.ID, rtt time.Duration) {
	s.host.breaks("recording a response")
	s.Peerstore.RecordLatency(id, rtt)
}

type brokenOutbound struct {
	network.Stream
	host *brokenHost
}

func (s brokenOutbound) Scope() network.StreamScope {
	s.host.breaks("accounting for a stream")
	return s.Stream.Scope()
}

type brokenStream struct {
	network.Stream
	host *brokenHost
}

func (s brokenStream) Conn() network.Conn { return brokenConn{s.Stream.Conn(), s.host} }

type brokenConn struct {
	network.Conn
	host *brokenHost
}

func (c brokenConn) RemotePublicKey() crypto.PubKey {
	c.host.breaks("verifying a request")
	return c.Conn.RemotePublicKey()
}

// newBrokenPair starts services on a broken host and on a sound one.
func newBrokenPair(t *testing.T) (alice *brokenHost, open func() []*syncmod.Ceremony) {
	t.Helper()
	alice, bob := &brokenHost{Host: harness.NewHost(t)}, harness.NewHost(t)
	harness.Connect(t, alice, bob)
	def := harness.Define(t.Name(), alice, bob)
	services := []*syncmod.Service{
		harness.StartService(t, alice, harness.Patient()), harness.StartService(t, bob, harness.Patient()),
	}
	return alice, func() []*syncmod.Ceremony {
		ceremonies := make([]*syncmod.Ceremony, len(services))
		for i, s := range services {
			var err error
			ceremonies[i], err = s.Open(def)
			require.NoError(t, err)
		}
		return ceremonies
	}
}

func requireBroken(t *testing.T, c *syncmod.Ceremony, what string) {
	t.Helper()
	failed := harness.Failure(t, c)
	require.ErrorAs(t, failed, new(*lifecycle.PanicError))
	require.ErrorContains(t, failed, what+" is broken")
}

// A service outlives its ceremonies. If a panic made one of them fail, that must
// not hide the panics of later ones.
func TestAStreamPanicFailsTheCeremony(t *testing.T) {
	for _, what := range []string{
		"opening a stream", "accounting for a stream", "recording a response", "verifying a request",
	} {
		t.Run(what, func(t *testing.T) {
			alice, open := newBrokenPair(t)
			for range 3 {
				alice.arm(what)
				ceremonies := open()

				requireBroken(t, ceremonies[0], what)

				closeAll(t, ceremonies)
			}
		})
	}
}

func TestOthersLearnOfAPanic(t *testing.T) {
	const what = "recording a response"
	alice, open := newBrokenPair(t)
	for range 3 {
		ceremonies := open()
		advance(t, ceremonies)
		alice.arm(what)

		requireBroken(t, ceremonies[0], what)

		told := harness.Failure(t, ceremonies[1])
		require.ErrorContains(t, told, what+" is broken") // bob waits on another stream
		require.Equal(t, 0, harness.Culprit(t, told).Index)
		closeAll(t, ceremonies)
	}
}
