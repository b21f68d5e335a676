package stream

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/internal/report"
)

// What may be due besides a new announcement. Each is one bit.
const (
	dueRepeat = 1 << iota // the announcement again, in any case
	dueAsk                // the same, unless an answer is on its way
	dueBeat               // a heartbeat, unless an answer is on its way or something was sent not long ago
)

// converse writes on a stream what there is to say and reads the answers, until the
// stream ends. If a direct stream takes over, this function goes on with the direct
// stream. It returns how the last stream ended.
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

// attach makes the client write on a stream.
func (cl *client) attach(o *outbound) {
	cl.current.Store(o)
	if cl.set.ctx.Err() != nil { // CeremonyClients.End may have missed it
		reset(o.stream, network.StreamNoError)
	}
}

// say writes what there is to say to the member. It does not wait while another
// goroutine writes: that goroutine looks again when it is done.
func (cl *client) say() {
	for o := cl.current.Load(); o != nil && cl.hasNews(o); o = cl.current.Load() {
		if !o.TryLock() {
			return
		}
		cl.sayOn(o)
	}
}

// sayOn writes on a stream whose lock the caller took, and releases the lock.
func (cl *client) sayOn(o *outbound) {
	defer o.Unlock()
	if cl.current.Load() == o { // otherwise another stream has taken over
		o.sayNext()
	}
}

func (cl *client) hasNews(o *outbound) bool {
	return cl.due.Load() != 0 || o.announced.Load() != cl.set.ceremony.Announcement()
}

// moving starts a goroutine that looks for a direct connection to a member whose stream
// runs through a relay. The goroutine looks whenever there may be such a connection,
// and between heartbeats. It ends when a direct stream has taken over, or when the
// function stop is called. That function waits until the goroutine has ended.
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

// move lets a direct stream take over and reports whether it did. There must be a
// direct connection, nothing but late responses outstanding on the relayed stream, and
// no abort to send.
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
	if !relayed.canMove() || cl.current.Load() != relayed || direct.begin() != nil {
		direct.close(End{Reason: report.EndStopped})
		return false
	}
	stop := context.AfterFunc(cl.set.ctx, func() { reset(direct.stream, network.StreamNoError) })
	direct.sayNext() // without its lock: nobody else knows the stream yet
	stop()
	if direct.announced.Load().Abort != "" {
		direct.close(End{Reason: report.EndStopped})
		return false
	}
	direct.before, relayed.successor = relayed, direct
	cl.attach(direct)
	_ = relayed.stream.SetReadDeadline(longAgo) // wakes its reader, which goes on with the direct stream
	return true
}

// openDirect opens a stream on a direct connection. It returns nil if it cannot, or if
// the relayed stream cannot be left yet.
func (cl *client) openDirect(ctx context.Context, relayed *outbound) *outbound {
	host := cl.cfg().Host
	if !relayed.canMove() || host.Network().Connectedness(cl.id) != network.Connected {
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
