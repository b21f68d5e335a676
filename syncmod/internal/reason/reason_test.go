package reason_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
)

const (
	bob   = "16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97"
	carol = "16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us"
)

func id(t *testing.T, text string) peer.ID {
	t.Helper()
	id, err := peer.Decode(text)
	require.NoError(t, err)
	return id
}

func stranger(peer.ID) string { return "" }

// full returns an error of libp2p's resource manager, with its scopes from the inside
// out.
func full(text string) error { return fmt.Errorf("%s: %w", text, network.ErrResourceLimitExceeded) }

var (
	somewhere = multiaddr.StringCast("/ip4/192.0.2.1/tcp/9")
	elsewhere = multiaddr.StringCast("/ip4/192.0.2.2/tcp/9")
	nowhere   = multiaddr.StringCast("/dns4/no-such-host.invalid/tcp/9")
)

// failed returns a dial in which one address failed for the given cause.
func failed(cause error) error {
	return dial(swarm.ErrAllDialsFailed, swarm.TransportError{Address: somewhere, Cause: cause})
}

func dial(whole error, causes ...swarm.TransportError) error {
	var dials reason.Dials
	return dials.Failed(context.Background(), &reason.Dial{
		Err: fmt.Errorf("failed to dial: %w", &swarm.DialError{Cause: whole, DialErrors: causes}),
	})
}

// through returns an error of libp2p's relay transport.
func through(err error) error { return fmt.Errorf("error opening hop stream to relay: %w", err) }

func circuit(status string) error { return fmt.Errorf("error opening relay circuit: %s", status) }

func ofStream(code network.StreamErrorCode) error {
	return fmt.Errorf("failed to negotiate protocol: %w", &network.StreamError{ErrorCode: code, Remote: true})
}

const cert = "failed to negotiate security protocol: certificate verification failed: x509: certificate has " +
	"expired or is not yet valid: current time 2026-11-26T14:35:37Z is "

func TestEveryReasonHasItsDetails(t *testing.T) {
	shown := make(map[string]bool) // by the text of the row
	for _, test := range []struct {
		why  func(reason.Members, error) *reason.Error
		err  error
		want string
	}{
		{reason.Unopened, &reason.Dial{Err: swarm.ErrSwarmClosed}, "this node's own host is closed"},
		{
			reason.Unopened, dial(swarm.ErrGaterDisallowedConnection),
			"this host's connection gater does not allow it",
		},
		{
			reason.Unopened, dial(swarm.ErrNoAddresses),
			"no address of it is known: the definition gives none, and it has not dialled this node",
		},
		{
			reason.Unopened,
			dial(swarm.ErrNoGoodAddresses, swarm.TransportError{Address: somewhere, Cause: swarm.ErrNoTransport}),
			"no address of it can be dialled from here: /ip4/192.0.2.1/tcp/9: this host has no transport for it",
		},
		{
			reason.Unopened,
			&reason.Dial{
				Err: context.DeadlineExceeded, Within: 10 * time.Second, Tried: []multiaddr.Multiaddr{somewhere},
			},
			"dial timeout: no connection to /ip4/192.0.2.1/tcp/9 within 10 s",
		},
		{
			reason.Unopened, &reason.Dial{Err: swarm.ErrDialBackoff},
			"dialling failed a moment ago; the host waits before it dials again",
		},
		{
			reason.Unopened, dial(swarm.ErrNoGoodAddresses,
				swarm.TransportError{Address: somewhere, Cause: swarm.ErrDialToSelf}),
			"no address of it can be dialled from here: " +
				"/ip4/192.0.2.1/tcp/9: this node itself listens there: " +
				"check its listen address and its key file, then the definition",
		},
		{
			reason.Unopened, &reason.Dial{Err: swarm.ErrNoGoodAddresses, Tried: []multiaddr.Multiaddr{somewhere}},
			"no address of it can be dialled from here: /ip4/192.0.2.1/tcp/9: not usable from another machine",
		},
		{
			reason.Unopened, failed(swarm.ErrGaterDisallowedConnection),
			"dialling failed: /ip4/192.0.2.1/tcp/9: this host's connection gater does not allow this address",
		},
		{reason.Unopened, failed(swarm.ErrAddrFiltered), "dialling failed: /ip4/192.0.2.1/tcp/9: " +
			"this host filters this address"},
		{
			reason.Unopened, failed(swarm.ErrDialRefusedBlackHole),
			"dialling failed: /ip4/192.0.2.1/tcp/9: no address of this kind has answered this host lately, " +
				"so this one is not tried",
		},
		{
			reason.Unopened, dial(swarm.ErrAllDialsFailed,
				swarm.TransportError{Address: somewhere, Cause: swarm.ErrDialBackoff},
				swarm.TransportError{Address: elsewhere, Cause: syscall.ECONNREFUSED}),
			"dialling failed: /ip4/192.0.2.1/tcp/9: it failed a moment ago; the host waits before it tries again; " +
				"/ip4/192.0.2.2/tcp/9: connection refused: nothing listens there",
		},
		{
			reason.Unopened, failed(&net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}),
			"dialling failed: /ip4/192.0.2.1/tcp/9: its name does not resolve here (no such host)",
		},
		{
			reason.Unopened, failed(fmt.Errorf("failed to negotiate security protocol: %w",
				sec.ErrPeerIDMismatch{Expected: id(t, bob), Actual: id(t, carol)})),
			"dialling failed: /ip4/192.0.2.1/tcp/9: another peer answers there (" + carol +
				"): correct the address or the definition",
		},
		{
			reason.Unopened, failed(full("conn-1: system: cannot reserve outbound connection")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: this host's resource manager has reached a limit: " +
				"outbound connection in the scope system; raise it on this host",
		},
		{
			reason.Unopened, failed(errors.New("connections per ip limit exceeded for 192.0.2.1:9")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: this host's resource manager has reached a limit: " +
				"connections per ip; raise it on this host",
		},
		{
			reason.Unopened, failed(errors.New(cert + "before 2026-11-26T16:05:37Z")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the clocks of the two hosts differ by more than TLS allows: " +
				"when its host started, its clock was at least 2 h 30 min ahead of this host's clock; " +
				"correct the wrong clock, then restart the host that had it",
		},
		{
			reason.Unopened, failed(errors.New("failed to negotiate stream multiplexer: remote error: tls: " +
				"bad certificate")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: its host refuses this host's TLS certificate: this host's " +
				"clock was more than an hour ahead of the other host's clock when this host started; compare " +
				"the two clocks, set this host's clock right, then restart this host",
		},
		{
			reason.Unopened, failed(fmt.Errorf("failed to negotiate security protocol: %w", multistream.ErrTooLarge)),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the two hosts are not in the same private network, or no " +
				"libp2p host answers there: compare the private network keys, and the address",
		},
		{
			reason.Unopened,
			failed(fmt.Errorf("%w: %w", pnet.NewError("could not read full nonce"), syscall.ECONNRESET)),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the two hosts are not in the same private network, or no " +
				"libp2p host answers there: compare the private network keys, and the address",
		},
		{
			reason.Unopened, failed(multistream.ErrNotSupported[protocol.ID]{Protos: []protocol.ID{"/noise"}}),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the two hosts have no security protocol or multiplexer in common",
		},
		{
			reason.Unopened, failed(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}),
			"dialling failed: /ip4/192.0.2.1/tcp/9: no route to it (no route to host)",
		},
		{
			reason.Unopened, failed(errors.New("CONNECTION_REFUSED (remote)")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: its host refuses the connection: its resource manager has no " +
				"room, or its connection gater does not allow this host",
		},
		{
			reason.Unopened, failed(fmt.Errorf("failed to negotiate security protocol: %w", io.EOF)),
			"dialling failed: /ip4/192.0.2.1/tcp/9: its host hangs up during the handshake; possible causes: " +
				"its resource manager has no room, its connection gater does not allow this host, the two are not in " +
				"the same private network, or their clocks differ by more than an hour",
		},
		{
			reason.Unopened, failed(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}),
			"dialling failed: /ip4/192.0.2.1/tcp/9: no answer",
		},
		{reason.Unopened, failed(errors.New("a riddle")), "dialling failed: /ip4/192.0.2.1/tcp/9: a riddle"},

		{
			reason.Unopened, failed(through(&swarm.DialError{Cause: swarm.ErrNoAddresses})),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the address has a relay's peer ID, but not the relay's " +
				"address: put that address in front of the peer ID",
		},
		{
			reason.Unopened, failed(through(multistream.ErrNotSupported[protocol.ID]{})),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the host at the relay's address is not a relay",
		},
		{
			reason.Unopened, failed(circuit("NO_RESERVATION (204)")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: it has no reservation at the relay: its host is down, " +
				"or is not connected to the relay",
		},
		{
			reason.Unopened, failed(circuit("RESOURCE_LIMIT_EXCEEDED (201)")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the relay has reached a limit: it carries no more circuits",
		},
		{
			reason.Unopened, failed(circuit("PERMISSION_DENIED (202)")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the relay does not allow the circuit",
		},
		{
			reason.Unopened, failed(circuit("CONNECTION_FAILED (203)")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the relay cannot reach it",
		},
		{
			reason.Unopened, failed(circuit("MALFORMED_MESSAGE (400)")),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the relay refuses the circuit: MALFORMED_MESSAGE (400)",
		},
		{
			reason.Unopened, failed(through(&swarm.DialError{
				Cause:      swarm.ErrAllDialsFailed,
				DialErrors: []swarm.TransportError{{Address: elsewhere, Cause: syscall.ECONNREFUSED}},
			})),
			"dialling failed: /ip4/192.0.2.1/tcp/9: the relay cannot be reached: " +
				"/ip4/192.0.2.2/tcp/9: connection refused: nothing listens there",
		},

		{
			reason.Unopened,
			multistream.ErrNotSupported[protocol.ID]{},
			"its host is up, but no ceremony is running there: not started yet, or already stopped",
		},
		{
			reason.Unopened, ofStream(network.StreamProtocolNegotiationFailed),
			"its host is up, but no ceremony is running there: not started yet, or already stopped",
		},
		{
			reason.Unopened, &reason.JustDialled{Err: errors.New("connection failed")},
			"its host hangs up after the handshake; possible causes: its connection gater does not allow this " +
				"node's key, its resource manager has no room for this node, " +
				"or the clocks of the two hosts differ by more than an hour",
		},
		{
			reason.Unopened, &reason.JustDialled{Err: errors.New("remote error: tls: bad certificate")},
			"its host refuses this host's TLS certificate: this host's clock was more than an hour ahead of " +
				"the other host's clock when this host started; compare the two clocks, set this host's clock " +
				"right, then restart this host",
		},
		{
			reason.Unopened, fmt.Errorf("%w: %w", reason.ErrCrowded, context.DeadlineExceeded),
			"the QUIC connection has no room for another stream (libp2p allows 256): let the hosts listen on TCP only",
		},
		{
			reason.Unopened, context.DeadlineExceeded,
			"no answer: there is a connection, but nothing comes back on it",
		},
		{reason.Unopened, network.ErrNoConn, "the connection was lost while a stream was being opened"},
		{reason.Unopened, errors.New("opening a stream: a riddle"), "no stream could be opened: a riddle"},
		{
			reason.Refused, fmt.Errorf("reserving memory for a frame: %w", full("stream-3: service:dkgsync")),
			"this host's resource manager has reached a limit: memory in the scope service:dkgsync; " +
				"raise it on this host",
		},

		{
			reason.Lost, ofStream(network.StreamResourceLimitExceeded),
			"its host has reached a limit: its resource manager refuses this node's streams; raise it on that host",
		},
		{
			reason.Lost, ofStream(network.StreamRateLimited),
			"it ended this stream: it has a newer one from this node, or this node has opened too many",
		},
		{reason.Lost, ofStream(network.StreamProtocolViolation), "it says that this node does not follow the protocol"},
		{reason.Lost, ofStream(network.StreamSupplanted), "its host closed a duplicate connection"},
		{
			reason.Lost, ofStream(network.StreamGarbageCollected),
			"its host trimmed the connection: its connection manager's limits are too low",
		},
		{reason.Lost, ofStream(network.StreamShutdown), "it closed its ceremony, or its node is stopping"},
		{
			reason.Lost, ofStream(network.StreamGated),
			"it does not list this node as a member of any open ceremony; compare definitions and keys",
		},
		{
			reason.Lost, &network.ConnError{ErrorCode: network.ConnGated, Remote: true},
			"its host's connection gater does not allow this node",
		},
		{reason.Lost, ofStream(0x2001), "it reset the stream with the code 0x2001"},
		{reason.Lost, nil, "its stream was lost"},
		{reason.Lost, fmt.Errorf("read frame header: %w", network.ErrReset), "its stream was lost: stream reset"},
		{
			reason.Lost, fmt.Errorf("read: %w", syscall.ECONNRESET),
			"its stream was lost: its host ended the connection, or the network path to it failed",
		},
	} {
		got := test.why(stranger, test.err)

		require.EqualError(t, got, test.want)
		require.Equal(t, test.err, errors.Unwrap(got))
		for _, row := range reason.Table() {
			if saysSo(test.want, row.Text) {
				shown[row.Text] = true
			}
		}
	}
	for _, row := range reason.Table() {
		require.True(t, shown[row.Text], "nothing shows %q", row.Text)
	}
}

// saysSo reports whether a text has all of a row's text, except for the details.
func saysSo(text, row string) bool {
	before, after, _ := strings.Cut(row, "…")
	return strings.Contains(text, before) && strings.Contains(text, after)
}

// Over QUIC, the other host can write any text behind the code of an error.
func TestRemoteTextChoosesNoReason(t *testing.T) {
	for _, words := range []string{
		"current time 2030-01-01T00:00:00Z is after 2020-01-01T00:00:00Z", "tls: bad certificate",
		"remote error: tls: bad certificate", "CRYPTO_ERROR 0x12a (remote)", "CONNECTION_REFUSED (remote)",
		"varint", "error opening relay circuit: NO_RESERVATION",
	} {
		said := "INTERNAL_ERROR (remote): " + words

		got := reason.Unopened(stranger, failed(errors.New(said)))

		require.EqualError(t, got, "dialling failed: /ip4/192.0.2.1/tcp/9: "+said)
	}
	got := reason.Unopened(stranger, failed(errors.New("CRYPTO_ERROR 0x12a (remote): fine")))

	require.ErrorContains(t, got, "its host refuses this host's TLS certificate")
}

func TestANegativeLeadIsNotShown(t *testing.T) {
	got := reason.Unopened(stranger, failed(errors.New(cert+"before 2020-01-01T00:00:00Z")))

	require.NotContains(t, got.Error(), "ahead")
}
