package stream

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/internal/report"
)

// What is to be said beside another announcement.
const (
	dueRepeat = 1 << iota // the announcement again, in any case
	dueAsk                // the same, unless an answer is on its way
	dueBeat               // a heartbeat, unless something was said not long ago
)

// converse says on a stream what there is to say, and reads the answers, until the
// stream ends, or the direct one that takes over from it. It returns how that ended.
func (cl *client) converse(ctx context.Context, o *outbound) (end End) {
	defer func() {
		o.endBefore()
		o.close(end)
	}()
	if err := o.begin(); err != nil {
		return notBegun(err)
	}
	cl.attach(o)
	cl.say()
	for {
		end = o.read(ctx)
		if o.successor == nil {
			return end
		}
		cl.trying(o.successor.opened, End{Reason: report.EndMoved}, o.facts)
		o = o.successor
	}
}

// attach makes a stream the one on which everything is said.
func (cl *client) attach(o *outbound) {
	cl.current.Store(o)
	if cl.set.ctx.Err() != nil { // nobody else would end it
		reset(o.stream, network.StreamNoError)
	}
}

// say writes what there is to say to the member. It does not wait for anybody who is
// writing: he looks again when he is done.
func (cl *client) say() {
	for o := cl.current.Load(); o != nil && cl.hasNews(o); o = cl.current.Load() {
		if !o.TryLock() {
			return
		}
		cl.sayOn(o)
	}
}

// sayOn releases the lock of the stream.
func (cl *client) sayOn(o *outbound) {
	defer o.Unlock()
	if cl.current.Load() == o { // else another stream has taken over
		o.sayNext()
	}
}

func (cl *client) hasNews(o *outbound) bool {
	return cl.due.Load() != 0 || o.announced.Load() != cl.set.ceremony.Announcement()
}

// moving looks for a direct connection to the member of a stream through a relay:
// when there may be one, and between heartbeats. It ends when a direct stream has taken
// over, and when stop is called, which waits for it.
func (cl *client) moving(ctx context.Context, relayed *outbound) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer recovering("moving a stream to "+cl.id.String(), cl.set.ceremony.Broken)
		for ctx.Err() == nil && !cl.move(ctx, relayed) {
			between := time.NewTimer(cl.set.untilHeartbeat(time.Now()) + cl.cfg().Heartbeat/2)
			select {
			case <-cl.hint:
			case <-between.C:
			case <-ctx.Done():
			}
			between.Stop()
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// move lets a direct stream take over, if there is a direct connection, nothing is
// outstanding on the stream through a relay, and no abort is to be said there.
func (cl *client) move(ctx context.Context, relayed *outbound) bool {
	direct := cl.openDirect(ctx, relayed)
	if direct == nil {
		return false
	}
	if !relayed.TryLock() {
		direct.close(End{Reason: report.EndStopped})
		return false
	}
	defer cl.say()
	defer relayed.Unlock()
	if relayed.waiting() > 0 || cl.current.Load() != relayed || direct.begin() != nil {
		direct.close(End{Reason: report.EndStopped})
		return false
	}
	direct.sayNext() // nobody else knows it yet
	if direct.announced.Load().Abort != "" {
		direct.close(End{Reason: report.EndStopped})
		return false
	}
	direct.before, relayed.successor = relayed, direct
	cl.attach(direct)
	_ = relayed.stream.SetReadDeadline(longAgo) // its reader goes on with the direct one
	return true
}

// openDirect opens a stream on a direct connection, if there is one and nothing
// is outstanding on the stream through a relay.
func (cl *client) openDirect(ctx context.Context, relayed *outbound) *outbound {
	host := cl.cfg().Host
	if relayed.waiting() > 0 || host.Network().Connectedness(cl.id) != network.Connected {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cl.cfg().ExchangeTimeout)
	defer cancel()
	stream, err := host.NewStream(network.WithNoDial(ctx, why), cl.id, cl.protocol())
	if err != nil {
		return nil
	}
	if stream.Conn().Stat().Limited {
		reset(stream, network.StreamNoError)
		return nil
	}
	return newOutbound(cl, stream)
}
