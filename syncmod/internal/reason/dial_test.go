package reason_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
)

// The other addresses must not hide an address whose name does not resolve.
func TestEveryAddressHasItsCause(t *testing.T) {
	var dials reason.Dials

	got := reason.Unopened(stranger, dials.Failed(t.Context(), &reason.Dial{
		Err: &swarm.DialError{
			Cause: swarm.ErrAllDialsFailed,
			DialErrors: []swarm.TransportError{
				{Address: somewhere, Cause: syscall.ECONNREFUSED}, {Address: elsewhere, Cause: syscall.ECONNREFUSED},
			},
		},
		Tried: []multiaddr.Multiaddr{somewhere, nowhere, elsewhere},
	})).Error()

	require.Contains(t, got, "/ip4/192.0.2.1/tcp/9, /ip4/192.0.2.2/tcp/9: connection refused: nothing listens there")
	require.Contains(t, got, "; /dns4/no-such-host.invalid/tcp/9: its name does not resolve here (")
}

// A host that pauses after a failed dial says only that it pauses.
func TestCausesOutliveAPause(t *testing.T) {
	var dials reason.Dials
	ask := func(cause error) *reason.Dial {
		return dials.Failed(t.Context(), &reason.Dial{Err: &swarm.DialError{
			Cause:      swarm.ErrAllDialsFailed,
			DialErrors: []swarm.TransportError{{Address: somewhere, Cause: cause}},
		}})
	}
	require.True(t, ask(swarm.ErrDialBackoff).Pausing(), "somebody else has dialled")
	require.False(t, ask(syscall.ECONNREFUSED).Pausing())

	again := ask(swarm.ErrDialBackoff)

	require.False(t, again.Pausing())
	require.ErrorContains(t, reason.Unopened(stranger, again), "connection refused")

	again = dials.Failed(t.Context(), &reason.Dial{
		Err: context.DeadlineExceeded, Within: time.Second, Tried: []multiaddr.Multiaddr{somewhere},
	})
	require.ErrorContains(t, reason.Unopened(stranger, again),
		"no connection within 1 s from /ip4/192.0.2.1/tcp/9; before, /ip4/192.0.2.1/tcp/9: connection refused")

	dials.Forget()

	require.True(t, ask(swarm.ErrDialBackoff).Pausing(), "the member has been reached meanwhile")
}

// A host may hang up before the other side has read what it wrote.
func TestAHangUpHidesNoEarlierCause(t *testing.T) {
	var dials reason.Dials
	ask := func(cause error) string {
		return reason.Unopened(stranger, dials.Failed(t.Context(), &reason.Dial{Err: &swarm.DialError{
			Cause:      swarm.ErrAllDialsFailed,
			DialErrors: []swarm.TransportError{{Address: somewhere, Cause: cause}},
		}})).Error()
	}
	told := ask(errors.New("remote error: tls: bad certificate"))
	require.Contains(t, told, "compare the clocks")

	require.Equal(t, told, ask(syscall.ECONNRESET))
	require.Contains(t, ask(syscall.ECONNREFUSED), "connection refused")
}

// If a TLS client learns at all that it is refused, it learns it on the first stream.
func TestALostStreamHidesNoCause(t *testing.T) {
	var dials reason.Dials
	ask := func(err error) string { return reason.Unopened(stranger, dials.Unopened(err)).Error() }
	require.Contains(t, ask(io.EOF), "its host hangs up after the handshake")
	told := ask(errors.New("remote error: tls: bad certificate"))
	require.Contains(t, told, "compare the clocks")

	for _, hangup := range []error{io.EOF, syscall.ECONNRESET, network.ErrReset, errors.New("connection failed")} {
		require.Equal(t, told, ask(hangup))
	}
	require.Contains(t, ask(multistream.ErrNotSupported[protocol.ID]{}), "no ceremony is running there")
	dials.Forget()

	require.Contains(t, ask(io.EOF), "its host hangs up after the handshake")
}

func TestALimitOfThisHostIsOurs(t *testing.T) {
	var dials reason.Dials
	limit := full("peer:x: cannot reserve outbound stream")
	isOurs := func(err error) bool { return reason.IsOurs(fmt.Errorf("shown: %w", reason.Unopened(stranger, err))) }
	refused := swarm.TransportError{Address: elsewhere, Cause: syscall.ECONNREFUSED}

	require.True(t, isOurs(limit))
	require.True(t, isOurs(failed(limit)))
	require.True(t, reason.IsOurs(reason.Lost(stranger, limit)))

	require.False(t, isOurs(ofStream(network.StreamResourceLimitExceeded)), "it is the other host's")
	require.False(t, isOurs(dial(swarm.ErrAllDialsFailed, refused)))
	require.False(t, isOurs(dial(swarm.ErrAllDialsFailed, swarm.TransportError{Address: somewhere, Cause: limit},
		refused)), "one address is not")
	require.False(t, isOurs(dials.Failed(t.Context(), &reason.Dial{
		Err:   &swarm.DialError{DialErrors: []swarm.TransportError{{Address: somewhere, Cause: limit}}},
		Tried: []multiaddr.Multiaddr{somewhere, elsewhere},
	})), "nothing is known of one address")
	require.False(t, reason.IsOurs(limit), "no reason")
}

// A text is cut where an operator can find the rest elsewhere, and never in the reason.
func TestACutTextKeepsItsReason(t *testing.T) {
	var causes []swarm.TransportError
	for i := range 200 {
		addr := multiaddr.StringCast(fmt.Sprintf("/ip4/192.0.2.%d/tcp/9/p2p/%s/p2p-circuit", i, bob))
		causes = append(causes, swarm.TransportError{Address: addr, Cause: syscall.ECONNREFUSED})
	}
	for i := range 100 {
		text := strings.Repeat("x", 10000) + fmt.Sprint(" is why ", i)
		causes = append(causes, swarm.TransportError{Address: elsewhere, Cause: errors.New(text)})
	}

	got := reason.Unopened(stranger, dial(swarm.ErrAllDialsFailed, causes...)).Error()

	require.Less(t, len(got), 4<<10)
	require.Contains(t, got, "/ip4/192.0.2.0/tcp/9/p2p/16Uiu2HA…JEYw97/p2p-circuit")
	require.Contains(t, got, " and 197 more: connection refused: nothing listens there")
	require.Contains(t, got, " is why 0;")
	require.True(t, strings.HasSuffix(got, "; and 95 more"), got[len(got)-100:])
}
