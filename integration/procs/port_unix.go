//go:build unix

package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// port is a TCP port on 127.0.0.1 that the system does not give to a process that asks
// for any free port. A process that asks for this port can still listen on it, and so can
// the next process, if they set SO_REUSEADDR, as Go does.
type port struct{ number, socket int }

// reservePort binds a socket without listening on it, so the socket takes no connections.
func reservePort() (*port, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("reserving a port: %w", err)
	}
	unix.CloseOnExec(socket)
	err = errors.Join(
		unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
	)
	bound, errName := unix.Getsockname(socket)
	if err := errors.Join(err, errName); err != nil {
		return nil, errors.Join(fmt.Errorf("reserving a port: %w", err), unix.Close(socket))
	}
	return &port{number: bound.(*unix.SockaddrInet4).Port, socket: socket}, nil
}

// release lets others have the port.
func (p *port) release() { _ = unix.Close(p.socket) }
