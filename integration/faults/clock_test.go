package faults

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

// clockAhead has a host make its certificate as on a machine whose clock is so far
// ahead: valid from an hour before its own time.
func clockAhead(ahead time.Duration) libp2p.Option {
	return libp2p.Security(libp2ptls.ID, func(_ protocol.ID, key crypto.PrivKey) (sec.SecureTransport, error) {
		serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
		if err != nil {
			return nil, err
		}
		now := time.Now().Add(ahead)
		identity, err := libp2ptls.NewIdentity(key, libp2ptls.WithCertTemplate(&x509.Certificate{
			SerialNumber: serial, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * 365 * 24 * time.Hour),
		}))
		if err != nil {
			return nil, err
		}
		id, err := peer.IDFromPrivateKey(key)
		return &otherClock{identity, id}, err
	})
}

// otherClock is libp2p's TLS with that certificate.
type otherClock struct {
	identity *libp2ptls.Identity
	local    peer.ID
}

func (o *otherClock) ID() protocol.ID { return libp2ptls.ID }

func (o *otherClock) SecureInbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	config, keys := o.identity.ConfigForPeer(p)
	return o.handshake(ctx, tls.Server(c, config), keys)
}

func (o *otherClock) SecureOutbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	config, keys := o.identity.ConfigForPeer(p)
	return o.handshake(ctx, tls.Client(c, config), keys)
}

func (o *otherClock) handshake(ctx context.Context, c *tls.Conn, keys <-chan crypto.PubKey) (sec.SecureConn, error) {
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	key := <-keys
	remote, err := peer.IDFromPublicKey(key)
	return &tlsConn{c, o.local, remote, key}, err
}

// tlsConn is a connection that was secured with it.
type tlsConn struct {
	*tls.Conn
	local, remote peer.ID
	key           crypto.PubKey
}

func (c *tlsConn) LocalPeer() peer.ID             { return c.local }
func (c *tlsConn) RemotePeer() peer.ID            { return c.remote }
func (c *tlsConn) RemotePublicKey() crypto.PubKey { return c.key }
func (c *tlsConn) ConnState() network.ConnectionState {
	return network.ConnectionState{Security: libp2ptls.ID, Transport: "tcp"}
}
