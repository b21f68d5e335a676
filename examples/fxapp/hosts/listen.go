package hosts

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// ListenError says why a node cannot listen on an address.
type ListenError struct {
	Addr multiaddr.Multiaddr
	Err  error // the system's error
}

func (e *ListenError) Error() string { return fmt.Sprintf("listening on %s: %s", e.Addr, e.reason()) }

func (e *ListenError) Unwrap() error { return e.Err }

func (e *ListenError) reason() string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "another program uses the port: stop it, or choose another port"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "no network interface of this machine has that address: use one that it has, or 0.0.0.0 (:: for IPv6)"
	case errors.Is(e.Err, syscall.EACCES):
		return "the system does not let this program use that port: choose one above 1023"
	case errors.Is(e.Err, syscall.EAFNOSUPPORT):
		return "this machine has no such network: IPv6 may be switched off"
	}
	return e.Err.Error()
}

// listenOn makes a host listen on one address.
func listenOn(h host.Host, addr multiaddr.Multiaddr) error {
	if err := checkFree(addr); err != nil {
		return err
	}
	// Network().Listen succeeds if one of several addresses works, and its error does not wrap the causes.
	return h.Network().(interface {
		AddListenAddr(multiaddr.Multiaddr) error
	}).AddListenAddr(addr)
}

// checkFree checks that no other program uses a TCP port. libp2p lets several sockets share a port, so that it
// can dial from that port. Without this check, two nodes could listen on one port, and each would get half of the
// connections.
func checkFree(addr multiaddr.Multiaddr) error {
	if port, err := addr.ValueForProtocol(multiaddr.P_TCP); err != nil || port == "0" {
		return nil //nolint:nilerr // sockets for QUIC do not share a port
	}
	l, err := manet.Listen(addr)
	if err != nil {
		return err
	}
	return l.Close()
}
