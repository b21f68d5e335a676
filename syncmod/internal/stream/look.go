package stream

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"

	"github.com/dkgsync/dkgsync/internal/report"
)

// errNotConnected is why a member is no longer seen.
var errNotConnected = errors.New("the connection has ended")

// protocol returns the protocol of this node's streams to the member.
func (cl *client) protocol() protocol.ID {
	if cl.set.ceremony.Terms().Observes {
		return cl.cfg().Observe
	}
	return cl.cfg().Protocol
}

// speaks reports whether this node can open a stream to the member. A ceremony that
// only looks opens streams to members that serve observers, as far as this host
// knows.
func (cl *client) speaks() bool {
	return !cl.set.ceremony.Terms().Observes || cl.serves(cl.cfg().Observe)
}

func (cl *client) serves(id protocol.ID) bool {
	served, err := cl.cfg().Host.Peerstore().SupportsProtocols(cl.id, id)
	return err == nil && len(served) > 0
}

// look watches a member that this host is connected to. It uses pings, and no stream of
// the protocol. It ends when the connection is lost, when a ping takes too long, or
// when a stream can be opened.
func (cl *client) look(ctx context.Context) (end End) {
	began := time.Now()
	sight := &sight{client: cl}
	defer func() { sight.close(end) }()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-again.C:
		case <-cl.hint:
		case <-ctx.Done():
			return End{Reason: report.EndStopped}
		}
		rtt, err := cl.ping(ctx)
		state := cl.cfg().Host.Network().Connectedness(cl.id)
		switch {
		case ctx.Err() != nil:
			return End{Reason: report.EndStopped}
		case state != network.Connected && state != network.Limited:
			return End{Reason: report.EndLost, Err: errNotConnected}
		case errors.Is(err, context.DeadlineExceeded):
			return End{Reason: report.EndTimeout, Err: err}
		case cl.speaks():
			return End{Reason: report.EndMoved}
		}
		sight.see(began, state == network.Limited, rtt)
		again.Reset(cl.set.untilHeartbeat(time.Now()))
	}
}

// ping measures a round trip. A member that does not serve pings may still be
// connected.
func (cl *client) ping(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, why), cl.cfg().ExchangeTimeout)
	defer cancel()
	select {
	case answer := <-ping.Ping(ctx, cl.cfg().Host, cl.id):
		if answer.Error != nil {
			return 0, answer.Error
		}
		return answer.RTT, ctx.Err()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// sight is how a member is seen on one path.
type sight struct {
	client  *client
	facts   SightFacts // nil while the member is not seen
	relayed bool
}

// see notes that the member is connected. Another path begins another sight.
func (s *sight) see(began time.Time, relayed bool, rtt time.Duration) {
	cl, now := s.client, time.Now()
	if s.facts == nil || s.relayed != relayed {
		if s.facts == nil {
			cl.reached(now, relayed)
		}
		s.relayed = relayed
		s.facts = cl.set.ceremony.Sight(Opening{
			Member: cl.index, ID: cl.cfg().nextStream(), Relayed: relayed, At: began,
		})
	}
	s.facts.Seen(rtt, cl.serves(cl.cfg().Protocol))
}

// close notes that the member is no longer seen.
func (s *sight) close(end End) {
	end.At = time.Now()
	switch {
	case s.facts != nil:
		s.client.trying(end.At, end, s.facts)
		s.facts.Down(end)
	case end.Lost():
		s.client.unreached(end)
	}
}
