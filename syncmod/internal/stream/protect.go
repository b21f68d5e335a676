package stream

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// protectRelay protects the relay of a relayed connection from the host's connection
// manager: without it the member is lost, which is protected itself as long as its
// ceremony is open. Tags are not counted, so each stream has its own. It returns a
// function that takes the protection back.
func (c *Config) protectRelay(conn network.Conn, of Ceremony, direction string, id roster.StreamID) (release func()) {
	if !conn.Stat().Limited {
		return func() {}
	}
	address, err := conn.RemoteMultiaddr().ValueForProtocol(multiaddr.P_P2P)
	if err != nil {
		return func() {}
	}
	relay, err := peer.Decode(address)
	if err != nil {
		return func() {}
	}
	tag := fmt.Sprintf("%s/%s/%x/%d", c.Service, direction, of.Terms().Session, id)
	c.Host.ConnManager().Protect(relay, tag)
	return func() { c.Host.ConnManager().Unprotect(relay, tag) }
}
