package reason

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// JustDialled marks the error of opening a stream on a connection that this node has
// just made.
type JustDialled struct{ Err error }

// Error returns the text of Err.
func (e *JustDialled) Error() string { return e.Err.Error() }

// Unwrap returns the marked error.
func (e *JustDialled) Unwrap() error { return e.Err }

// ErrCrowded marks the error of opening a stream on a connection that has no room for
// another. QUIC then waits without saying so.
var ErrCrowded = errors.New("too many streams on one connection")

const notYet = "its host is up, but no ceremony is running there: not started yet, or already stopped"

// codes are the reasons that a host gives when it resets a stream or closes a
// connection; see https://github.com/libp2p/specs/blob/master/error-codes/README.md.
var codes = []Row{
	{notYet, There, code(network.StreamProtocolNegotiationFailed, network.ConnProtocolNegotiationFailed)},
	{
		"its host has reached a limit: its resource manager refuses this node's streams; raise it on that host", There,
		code(network.StreamResourceLimitExceeded, network.ConnResourceLimitExceeded),
	},
	{
		"it ended this stream: it has a newer one from this node, or this node has opened too many", Nobody,
		code(network.StreamRateLimited, network.ConnRateLimited),
	},
	{
		"it says that this node does not follow the protocol", Either,
		code(network.StreamProtocolViolation, network.ConnProtocolViolation),
	},
	{
		"its host closed a duplicate connection", Nobody,
		code(network.StreamSupplanted, network.ConnSupplanted),
	},
	{
		"its host trimmed the connection: its connection manager's limits are too low", There,
		code(network.StreamGarbageCollected, network.ConnGarbageCollected),
	},
	{
		"it closed its ceremony, or its node is stopping", There,
		code(network.StreamShutdown, network.ConnShutdown),
	},
	{
		"it does not list this node as a member of any open ceremony; compare definitions and keys", Either,
		code(network.StreamGated, noCode),
	},
	{"its host's connection gater does not allow this node", There, code(noStreamCode, network.ConnGated)},
	{"it reset the stream with the code …", There, anyCode},
}

const (
	noStreamCode = network.StreamErrorCode(0xffffffff)
	noCode       = network.ConnErrorCode(0xffffffff)
)

// codeOf returns the code of a stream or a connection that the other host sent, and
// zero for both if it sent none.
func codeOf(err error) (network.StreamErrorCode, network.ConnErrorCode) {
	if reset, ok := errors.AsType[*network.StreamError](err); ok && reset.Remote {
		return reset.ErrorCode, 0
	}
	if closed, ok := errors.AsType[*network.ConnError](err); ok && closed.Remote {
		return 0, closed.ErrorCode
	}
	return 0, 0
}

func code(stream network.StreamErrorCode, conn network.ConnErrorCode) func(members, error) (string, bool) {
	return plain(func(err error) bool {
		ofStream, ofConn := codeOf(err)
		return ofStream == stream || ofConn == conn
	})
}

func anyCode(_ members, err error) (string, bool) {
	ofStream, ofConn := codeOf(err)
	return fmt.Sprintf("0x%x", max(uint32(ofStream), uint32(ofConn))), ofStream != 0 || ofConn != 0
}

// openings are the reasons why no stream could be opened on a connection.
var openings = slices.Concat([]Row{
	{notYet, There, plain(isNotSupported)},
	{ownLimit, Here, limited},
}, codes, []Row{
	certificateRefused,
	{
		"its host hangs up after the handshake; possible causes: its connection gater does not allow this " +
			"node's key, its resource manager has no room for this node, or the clocks of the two hosts " +
			"differ by more than an hour",
		Either, plain(isHungUp),
	},
	{
		"the QUIC connection has no room for another stream (libp2p allows 256): let the hosts listen on TCP only",
		Either, plain(is(ErrCrowded)),
	},
	{"no answer: there is a connection, but nothing comes back on it", Network, plain(isTimeout)},
	{"the connection was lost while a stream was being opened", Network, plain(isConnectionLost)},
	{"no stream could be opened: …", Either, otherwise},
})

// isNotSupported reports whether the other host supports none of the protocols that
// this host asked for.
func isNotSupported(err error) bool {
	_, ok := errors.AsType[multistream.ErrNotSupported[protocol.ID]](err)
	return ok
}

// isConnectionLost reports whether the connection was lost. If it was lost before the
// stream was opened, libp2p wraps no error.
func isConnectionLost(err error) bool {
	return errors.Is(err, network.ErrNoConn) || isHangup(err) || contains("connection failed")(err)
}

func isHungUp(err error) bool {
	_, ok := errors.AsType[*JustDialled](err)
	return ok && isConnectionLost(err)
}

// isBroken reports whether the connection broke. A reset of only the stream does not
// count.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// losses are the reasons why a stream was lost.
var losses = slices.Concat([]Row{
	{"its stream was lost", Network, plain(func(err error) bool { return err == nil })},
	{ownLimit, Here, limited},
}, codes, []Row{
	{"its stream was lost: its host ended the connection, or the network path to it failed", There, plain(isBroken)},
	{"its stream was lost: …", Network, otherwise},
})
