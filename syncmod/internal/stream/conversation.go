package stream

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/internal/report"
)

// conversation is what a client says to its member on one stream, and on the
// direct one that may take over from it.
type conversation struct {
	client   *client
	current  *outbound
	before   *outbound       // the stream that the current one takes over from, until it has been answered
	answered <-chan struct{} // closes with the current stream's first response; nil afterwards
}

// converse sends on a stream what there is to say until the stream ends. It
// returns how that ended.
func (cl *client) converse(ctx context.Context, o *outbound) (end End) {
	v := &conversation{client: cl, current: o, answered: o.answered}
	defer func() {
		v.endBefore()
		v.current.close(end)
	}()
	if err := o.begin(); err != nil {
		return notBegun(err)
	}
	heartbeat := time.NewTimer(cl.untilHeartbeat(time.Now()))
	defer heartbeat.Stop()
	for {
		if next := cl.set.ceremony.Announcement(); next != v.current.announced {
			if err := v.current.announce(next); err != nil {
				return v.current.failedWrite(ctx, err)
			}
		}
		select {
		case <-cl.wake:
			repeat, ask := cl.repeat.Swap(false), cl.ask.Swap(false)
			if !repeat && (!ask || v.current.waiting() > 0) || v.current.announced != cl.set.ceremony.Announcement() {
				break // a new announcement is sent anyway
			}
			if err := v.current.repeat(time.Now()); err != nil {
				return v.current.failedWrite(ctx, err)
			}
		case <-v.answered:
			v.answered = nil
			cl.reached(v.current.answeredAt, v.current.relayed)
			v.endBefore()
		case <-cl.hint:
			if err := v.move(ctx); err != nil {
				return notBegun(err)
			}
		case <-heartbeat.C:
			if err := v.move(ctx); err != nil { // before the heartbeat: nothing must be outstanding
				return notBegun(err)
			}
			next, err := v.current.onHeartbeat(time.Now())
			if err != nil {
				return v.current.failedWrite(ctx, err)
			}
			heartbeat.Reset(next)
		case <-v.current.done:
			return v.current.end
		case <-ctx.Done():
			return End{Reason: report.EndStopped}
		}
	}
}

// endBefore ends the stream that the current one has taken over from.
func (v *conversation) endBefore() {
	if v.before != nil {
		v.before.close(End{Reason: report.EndMoved})
		v.before = nil
	}
}

// move lets a direct stream take over, when the current one runs through a relay
// and the member can be reached directly now.
func (v *conversation) move(ctx context.Context) error {
	if !v.current.relayed || v.before != nil {
		return nil
	}
	began := time.Now()
	direct := v.client.openDirect(ctx, v.current)
	if direct == nil {
		return nil
	}
	err := direct.begin()
	if errors.Is(err, errAborted) {
		direct.close(notBegun(err)) // the abort goes out on the old stream
		return nil
	}
	v.client.trying(began, End{Reason: report.EndMoved}, v.current.facts)
	v.before, v.current, v.answered = v.current, direct, direct.answered
	return err
}

// openDirect opens a stream on a direct connection, if there is one and nothing
// is outstanding on the stream through a relay.
func (cl *client) openDirect(ctx context.Context, relayed *outbound) *outbound {
	host := cl.cfg().Host
	if relayed.waiting() > 0 || host.Network().Connectedness(cl.id) != network.Connected {
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, cl.cfg().ExchangeTimeout)
	defer cancel()
	opened, gone := make(chan struct{}), make(chan struct{})
	go func() { // what is announced goes out on the old stream, and does not wait for the new one
		defer close(gone)
		select {
		case <-cl.wake:
			cancel()
			notify(cl.wake)
		case <-opened:
		}
	}()
	stream, err := host.NewStream(network.WithNoDial(opening, why), cl.id, cl.protocol())
	close(opened)
	<-gone
	if err != nil {
		return nil
	}
	if stream.Conn().Stat().Limited {
		reset(stream, network.StreamNoError)
		return nil
	}
	return newOutbound(ctx, cl, stream)
}
