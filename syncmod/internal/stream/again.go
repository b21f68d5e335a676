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

// againLimit is how long to look for the causes of a dial that has timed out.
const againLimit = 500 * time.Millisecond

// failed makes the error of a dial. When one address does not answer until the dial
// times out, the host drops the errors of all others: those it has given up are
// dialled again, one by one and through the host's own transports, to have them.
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

// dialler is what libp2p's swarm has beyond a network.
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
			continue // only what the host itself has dialled, once, and no relay's circuit
		}
		conn, err := by.Dial(ctx, a, cl.id)
		if err != nil {
			dial.Add(a, err)
			continue
		}
		go func() { _ = conn.Close() }() // which may wait for a write
	}
}
