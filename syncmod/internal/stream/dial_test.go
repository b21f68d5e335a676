package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
)

// lonely is a host that is connected with nobody.
type lonely struct{ host.Host }

func (lonely) Network() network.Network { return empty{} }

type empty struct{ network.Network }

func (empty) Connectedness(peer.ID) network.Connectedness { return network.NotConnected }

func TestTheOneWhoWaitsToBeDialledWaitsWhileOthersConnect(t *testing.T) {
	const members, pause = 10, 10 * tieBreakPerMember
	for name, c := range map[string]struct {
		meets, every time.Duration // for how long others connect, and how often
		least, most  time.Duration
	}{
		"nobody connects":         {0, 0, pause, pause + members*jitterPerMember},
		"others connect":          {time.Second, pause / 2, time.Second, time.Second + pause},
		"others connect for ever": {time.Minute, pause / 2, tieBreakCrowd, tieBreakCrowd},
		"too slowly":              {time.Minute, 2 * pause, pause, pause + members*jitterPerMember},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := newWaiting(t, members)
				over := make(chan struct{})
				go func() {
					for began := time.Now(); time.Since(began) < c.meets; {
						select {
						case <-time.After(c.every):
							cl.set.half.hint(event.EvtPeerConnectednessChanged{
								Peer: cl.set.clients[1].id, Connectedness: network.Connected,
							})
						case <-over:
							return
						}
					}
				}()
				began := time.Now()

				cl.wait(t.Context(), cl.dialJitter())

				took := time.Since(began)
				close(over)
				require.GreaterOrEqual(t, took, c.least)
				require.LessOrEqual(t, took, c.most)
			})
		})
	}
}

func TestOneWhoHasDialledInVainDoesNotWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := newWaiting(t, 10)
		cl.count = 1
		cl.set.met.Store(time.Now().Add(time.Minute).UnixNano())
		began := time.Now()

		cl.wait(t.Context(), time.Second)

		require.Equal(t, time.Second, time.Since(began))
	})
}

// newWaiting is the client of the last of some members to the first of them.
func newWaiting(t *testing.T, members int) *client {
	t.Helper()
	c := newFakeCeremony(t, NewTerms(Terms{
		Hash: []byte("dial"), Members: membersOf(members), Self: members - 1, Session: 7, Version: "v1.0",
	}))
	half := NewClients(&Config{Host: lonely{}, Heartbeat: time.Second}, c.Broken)
	set := half.Of(c)
	half.cancel = set.cancel // it is on
	require.True(t, half.add(set))
	t.Cleanup(set.cancel)
	cl := set.clients[0]
	cl.trying(time.Now(), End{}, nil)
	return cl
}

// membersOf are so many members.
func membersOf(count int) (infos []peer.AddrInfo) {
	for i := range count {
		infos = append(infos, peer.AddrInfo{ID: peer.ID(rune('a' + i))})
	}
	return infos
}
