package faults

import (
	"context"
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
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// clockAhead makes a host's certificates as a machine with a wrong clock would: they
// are valid from an hour before its own time.
func clockAhead(ahead time.Duration) libp2p.Option {
	now := time.Now().Add(ahead)
	certificate := func() libp2ptls.IdentityOption { // a new one each time: libp2p adds the key to it
		return libp2ptls.WithCertTemplate(&x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * 365 * 24 * time.Hour),
		})
	}
	return libp2p.ChainOptions(
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(libp2pquic.NewTransport, libp2pquic.WithTLSIdentityOption(certificate())),
		libp2p.Security(libp2ptls.ID, func(
			_ protocol.ID, key crypto.PrivKey, muxers []upgrader.StreamMuxer,
		) (sec.SecureTransport, error) {
			identity, err := libp2ptls.NewIdentity(key, certificate())
			if err != nil {
				return nil, err
			}
			id, err := peer.IDFromPrivateKey(key)
			return &otherClock{identity, id, muxers}, err
		}),
	)
}

// otherClock is libp2p's TLS transport with a certificate from a wrong clock. As in
// libp2p's own transport, a client agrees on the multiplexer in the handshake, and
// uses the connection before the server has accepted its certificate.
type otherClock struct {
	identity *libp2ptls.Identity
	local    peer.ID
	muxers   []upgrader.StreamMuxer
}

func (o *otherClock) ID() protocol.ID { return libp2ptls.ID }

func (o *otherClock) SecureInbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	config, keys := o.configFor(p)
	return o.handshake(ctx, tls.Server(c, config), keys)
}

func (o *otherClock) SecureOutbound(ctx context.Context, c net.Conn, p peer.ID) (sec.SecureConn, error) {
	config, keys := o.configFor(p)
	return o.handshake(ctx, tls.Client(c, config), keys)
}

func (o *otherClock) configFor(p peer.ID) (*tls.Config, <-chan crypto.PubKey) {
	config, keys := o.identity.ConfigForPeer(p)
	var protos []string
	for _, muxer := range o.muxers {
		protos = append(protos, string(muxer.ID))
	}
	config.NextProtos = append(protos, config.NextProtos...)
	return config, keys
}

func (o *otherClock) handshake(ctx context.Context, c *tls.Conn, keys <-chan crypto.PubKey) (sec.SecureConn, error) {
	if err := c.HandshakeContext(ctx); err != nil {
		_ = c.NetConn().Close()
		return nil, err
	}
	key := <-keys
	remote, err := peer.IDFromPublicKey(key)
	return &tlsConn{c, o.local, remote, key}, err
}

// tlsConn is a connection that otherClock secured.
type tlsConn struct {
	*tls.Conn
	local, remote peer.ID
	key           crypto.PubKey
}

func (c *tlsConn) LocalPeer() peer.ID             { return c.local }
func (c *tlsConn) RemotePeer() peer.ID            { return c.remote }
func (c *tlsConn) RemotePublicKey() crypto.PubKey { return c.key }
func (c *tlsConn) ConnState() network.ConnectionState {
	muxer := protocol.ID(c.Conn.ConnectionState().NegotiatedProtocol)
	return network.ConnectionState{
		StreamMultiplexer: muxer, Security: libp2ptls.ID, Transport: "tcp", UsedEarlyMuxerNegotiation: true,
	}
}
