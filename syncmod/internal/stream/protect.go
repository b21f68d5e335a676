package stream

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// protectRelay keeps the host's connection manager from closing the connection to a
// relay that a relayed connection runs through. The member itself is protected while
// its ceremony is open, but without the relay the connection to the member is lost. Each
// stream has a tag of its own, because tags are not counted. The function that
// protectRelay returns ends the protection.
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
