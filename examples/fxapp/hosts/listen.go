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
	Err  error // the system's
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
		return "the system does not allow this program that port: choose one above 1023"
	case errors.Is(e.Err, syscall.EAFNOSUPPORT):
		return "this machine has no such network: IPv6 may be switched off"
	}
	return e.Err.Error()
}

// listenOn has a host listen on one address.
func listenOn(h host.Host, addr multiaddr.Multiaddr) error {
	if err := checkFree(addr); err != nil {
		return err
	}
	// Network().Listen is content with one address of several, and keeps no error that could be told apart.
	return h.Network().(interface {
		AddListenAddr(multiaddr.Multiaddr) error
	}).AddListenAddr(addr)
}

// checkFree finds out whether a TCP port is used by another program. libp2p shares its ports, so that it can dial
// from them; two nodes could listen on one port, and each would get half of the connections.
func checkFree(addr multiaddr.Multiaddr) error {
	if port, err := addr.ValueForProtocol(multiaddr.P_TCP); err != nil || port == "0" {
		return nil //nolint:nilerr // QUIC shares no port
	}
	l, err := manet.Listen(addr)
	if err != nil {
		return err
	}
	return l.Close()
}
