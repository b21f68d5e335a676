package stream

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"

	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
)

// againLimit bounds the search for the causes of a dial that timed out.
const againLimit = 500 * time.Millisecond

// failed returns the error of a dial. When one address does not answer until the dial
// times out, the host drops the errors of all other addresses. To get these errors,
// this function dials again the addresses that the host has given up. It dials them
// one by one, through the host's own transports.
func (cl *client) failed(ctx context.Context, err error) error {
	cfg := cl.cfg()
	dial := &reason.Dial{
		Err: err, Within: cfg.ExchangeTimeout, Tried: cfg.Host.Peerstore().Addrs(cl.id),
	}
	if errors.Is(err, context.DeadlineExceeded) {
		again, cancel := context.WithTimeout(cl.set.ctx, againLimit)
		defer cancel()
		ctx = again
		cl.dialAgain(ctx, dial)
	}
	return cl.dials.Failed(ctx, dial)
}

// dialler has the methods of libp2p's swarm that network.Network lacks.
type dialler interface {
	Backoff() *swarm.DialBackoff
	TransportForDialing(multiaddr.Multiaddr) transport.Transport
}

func (cl *client) dialAgain(ctx context.Context, dial *reason.Dial) {
	host, ok := cl.cfg().Host.Network().(dialler)
	if _, whole := errors.AsType[*swarm.DialError](dial.Err); whole || !ok || len(dial.Tried) < 2 {
		return // nothing was dropped
	}
	for _, a := range dial.Tried {
		by := host.TransportForDialing(a)
		if by == nil || by.Proxy() || cl.dials.Knows(a) || !host.Backoff().Backoff(cl.id, a) {
			continue // dial only what the host itself gave up, only once, and no circuit through a relay
		}
		conn, err := by.Dial(ctx, a, cl.id)
		if err != nil {
			dial.Add(a, err)
			continue
		}
		go func() { _ = conn.Close() }() // Close may block on a write
	}
}
