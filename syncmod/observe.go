package syncmod

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// observeProtocol is for ceremonies that only look. They speak it with all other
// nodes that run this package. Its messages are those of the sync protocol, but they
// change nothing in a ceremony.
const observeProtocol protocol.ID = "/dkgsync/observe/1.0.0"

// OpenOption changes how [Service.Open] opens a ceremony.
type OpenOption func(*openOptions)

type openOptions struct{ observes bool }

// Observe makes a ceremony that only looks, for a rehearsal before the real one. It
// connects this host with the members' hosts, by any path that works. It serves the
// protocol, so that the members open their streams to this node, and it notes what
// they say. It takes no part in the ceremony: it opens no stream of the protocol, does
// not answer foreign members (Charon, Pluto), and tells the others that it only looks.
// No member counts it as connected, and no member goes on to step 1 because of it.
// Neither this ceremony nor its end can make another ceremony fail. Several nodes can
// look at the same time. Those that run this package see each other.
//
// [Ceremony.Status] and [Ceremony.Watch] show who is there. A member is connected
// outbound while its host answers this host. It is connected inbound as long as the
// real ceremony would accept what the member says. Otherwise, Fault says why the real
// ceremony would fail. If the Step of a member is above 0, the real ceremony has
// begun, and another process with this node's key takes part in it. The rehearsal may
// take a stream away from that process, so leave at once. [Status.WaitingFor] says
// which members the real ceremony would wait for.
//
// The calls that take part return an [ErrInvalid]: AwaitConnected, SetStep, AwaitStep,
// Advance, Complete, Run and Attest. [Ceremony.Close] leaves. Close disconnects this
// host from the members that the ceremony has dialled, unless another ceremony needs
// them or the host's connection manager protects them. To the members it looks as if
// this host had gone. After that, the definition can be opened to take part.
//
// Stop a rehearsal before the real node with the same key starts in another process.
// Otherwise the streams that members have opened to the rehearsal stay there, and the
// ceremony does not begin.
func Observe() OpenOption { return func(o *openOptions) { o.observes = true } }

// taking returns the core for a call that takes part in the ceremony.
func (c *Ceremony) taking(call string) (*core, error) {
	run := c.core()
	if run.terms.Observes {
		return nil, invalid(call, "this ceremony only looks: "+
			"close it, and open its definition without Observe to take part")
	}
	return run, nil
}

// Sight implements stream.Ceremony.
func (c *core) Sight(o stream.Opening) stream.SightFacts {
	c.update(func(time.Time) { c.roster.OutboundOpened(o.Member, o.ID, o.Relayed) })
	return &sightFacts{core: c, member: o.Member, id: o.ID, serves: true}
}

// sightFacts passes on the facts of a member that this node looks at.
type sightFacts struct {
	core   *core
	member int
	id     roster.StreamID
	serves bool // whether the member serves the protocol
}

// errNotServing is the LastError of a member that is there but does not serve the
// protocol.
var errNotServing = errors.New("its host does not serve the protocol: start its node's ceremony")

// Seen implements stream.SightFacts.
func (f *sightFacts) Seen(rtt time.Duration, serves bool) {
	c := f.core
	c.update(func(now time.Time) {
		c.roster.Response(now, f.member, f.id, roster.Response{RTT: rtt})
		if rtt > 0 {
			c.clocks[f.member].roundTrip(now, rtt)
		}
		if f.serves == serves {
			return
		}
		f.serves = serves
		c.roster.Refused(f.member, nil)
		if !serves {
			c.roster.Refused(f.member, errNotServing)
		}
	})
}

// SpanContext implements report.Span: looking at a member has no span.
func (f *sightFacts) SpanContext() trace.SpanContext { return trace.SpanContext{} }

// Down implements stream.SightFacts.
func (f *sightFacts) Down(end stream.End) {
	loss := f.core.lossOf(end)
	f.core.update(func(now time.Time) { f.core.roster.OutboundDown(now, f.member, f.id, loss) })
}

// disconnect closes the connections to the members of a ceremony that only looks. This
// comes before everything else that ends the ceremony, so that the members' streams
// end with the connections.
func (c *core) disconnect(ctx context.Context) {
	c.update(func(time.Time) { c.stopped = true }) // so that no member counts as lost
	c.clients.End()
	_ = c.clients.Wait(ctx)
	c.unprotect() // a member that is still protected is needed elsewhere
	c.clients.Disconnect(ctx, c.neededOtherwise)
}

func (c *core) neededOtherwise(id peer.ID) bool {
	return c.svc.host.ConnManager().IsProtected(id, "") || slices.ContainsFunc(c.svc.open(), func(other *core) bool {
		return other != c && other.terms.Index(id) >= 0
	})
}

// fault says why the real ceremony would fail because of a member. It returns nil if no
// reason is known.
func (c *core) fault(f *roster.Failure) error {
	if f == nil {
		return nil
	}
	row := kindOf(f.Kind)
	text := strings.TrimSuffix(row.sentence(c.def, *f), "; "+startAgain)
	return &PeerError{
		Peer: c.def.Peers[f.Culprit].clone(), Index: f.Culprit, Err: &cause{sentinel: row.sentinel, text: text},
	}
}
