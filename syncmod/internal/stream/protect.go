package stream

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// protect protects a relayed connection from the host's connection manager: the
// peer and its relay, without which the peer is lost as well. Tags are not
// counted, so each stream has its own. It returns a function that takes the protection back.
func (c *Config) protect(conn network.Conn, of Ceremony, direction string, id roster.StreamID) (release func()) {
	if !conn.Stat().Limited {
		return func() {}
	}
	tag := fmt.Sprintf("%s/%s/%x/%d", c.Service, direction, of.Terms().Session, id)
	manager := c.Host.ConnManager()
	protected := []peer.ID{conn.RemotePeer()}
	if relay, err := conn.RemoteMultiaddr().ValueForProtocol(multiaddr.P_P2P); err == nil {
		if id, err := peer.Decode(relay); err == nil {
			protected = append(protected, id)
		}
	}
	for _, id := range protected {
		manager.Protect(id, tag)
	}
	return func() {
		for _, id := range protected {
			manager.Unprotect(id, tag)
		}
	}
}
