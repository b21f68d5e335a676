package stream

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

var (
	errSilent  = errors.New("no response within the exchange timeout")
	errUnasked = errors.New("a response to nothing")
	errAborted = errors.New("the ceremony has failed before anything was said on the stream")
)

// outbound is one stream to a member, from its opening to its end. Whoever has its
// lock writes the requests; the client's goroutine reads the responses and matches
// them, first in, first out.
type outbound struct {
	client  *client
	stream  network.Stream
	id      roster.StreamID
	facts   OutboundFacts // nil before begin
	relayed bool
	release func()
	opened  time.Time

	// What follows belongs to the client's goroutine.
	before     *outbound // the stream through a relay that this one takes over from, until it is answered
	answeredAt time.Time // when the first response came that is not a waiting one; who only looks takes any

	announced atomic.Pointer[Announcement] // the last one written; nil: nothing was

	writing             // guards what is needed to write the next request
	at        time.Time // when something was written last
	traced    bool      // the trace context has been sent
	viewed    *View     // the last one sent
	successor *outbound // the direct stream that takes over

	mu          sync.Mutex
	outstanding []request // written and not answered, oldest first
	messages    int64
}

// request is what is remembered of a request until its response comes.
type request struct {
	at      time.Time
	goodbye bool
	abort   bool
	late    bool // its answer may be a late one, which does not measure the round trip
}

func newOutbound(cl *client, stream network.Stream) *outbound {
	cfg := cl.cfg()
	o := &outbound{
		client: cl, stream: stream, id: cfg.nextStream(), relayed: stream.Conn().Stat().Limited, opened: time.Now(),
	}
	o.on(stream, cfg.ExchangeTimeout)
	o.release = cfg.protectRelay(stream.Conn(), cl.set.ceremony, "to", o.id)
	return o
}

// begin registers the stream. Nothing has been said on it yet.
func (o *outbound) begin() error {
	if o.client.telling() {
		return errAborted
	}
	if err := o.client.cfg().reserve(o.stream); err != nil {
		return err
	}
	o.facts = o.client.set.ceremony.Outbound(Opening{
		Member: o.client.index, ID: o.id, Relayed: o.relayed, At: time.Now(),
	})
	return nil
}

// sayNext writes the next request, if there is one to be made: the first of the
// stream, another announcement, the same again, or a heartbeat. The lock is held.
func (o *outbound) sayNext() {
	due := o.client.due.Swap(0)
	now, said, next := time.Now(), o.announced.Load(), o.client.set.ceremony.Announcement()
	o.announced.Store(next)
	switch {
	case said == nil && next.Abort != "": // a stream never begins with an abort
		o.fail(notBegun(errAborted))
	case said == nil:
		terms := o.client.set.ceremony.Terms()
		o.compose(now, wire.Extra{DefinitionHash: terms.Hash, Members: terms.Digest})
		o.send(request{at: now})
	case said != next:
		o.compose(now, wire.Extra{})
		o.send(request{at: now, late: true})
	case due&dueRepeat != 0, due&dueAsk != 0 && o.waiting() == 0:
		o.compose(now, wire.Extra{})
		o.send(request{at: now})
	case due&dueBeat != 0 && o.waiting() == 0 && now.Sub(o.at) >= o.client.cfg().Heartbeat/2:
		o.beat(now)
	}
}

// beat is a heartbeat: the last announcement again, and our view, when that has
// changed since it was last sent on this stream. A member without a session does not
// understand it.
func (o *outbound) beat(now time.Time) {
	addressee := o.compose(now, wire.Extra{})
	if view := o.client.set.ceremony.View(); view != o.viewed && addressee != 0 {
		o.viewed = view
		bits := view.Bits
		if len(bits) > len(noView) && len(o.out)+len(bits) >= maxHeartbeat {
			bits = noView
		}
		o.out = wire.AppendView(o.out, bits)
	}
	o.send(request{at: now})
}

// compose makes the frame of a request: what all streams share, and what only this one
// has. It returns which process of the member is meant.
func (o *outbound) compose(now time.Time, extra wire.Extra) (addressee uint64) {
	extra.Addressee = o.facts.Addressee()
	if !o.traced {
		extra.Traceparent = o.facts.Traceparent()
		o.traced = extra.Traceparent != ""
	}
	o.out = wire.AppendAgain(o.out, o.announced.Load().frame, now, extra)
	return extra.Addressee
}

// maxHeartbeat is what a heartbeat with a view may take, in bytes: some peers read a
// payload with one Read, which one packet has to fill.
const maxHeartbeat = 1190

// noView is sent instead of a view that does not fit, which is always longer. It is
// no view, so that the one before is void.
var noView = []byte{0}

// send writes the request that is made.
func (o *outbound) send(asks request) {
	said := o.announced.Load()
	asks.goodbye, asks.abort = said.Goodbye, said.Abort != ""
	o.at = asks.at
	o.mu.Lock()
	o.outstanding = append(o.outstanding, asks)
	o.mu.Unlock()
	if err := o.flush(asks.at); err != nil {
		o.fail(classify(o.client.set.ctx, err))
	}
}

// patience is how long the oldest request may still wait for its response, the
// exchange timeout where none does.
func (o *outbound) patience(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	timeout := o.client.cfg().ExchangeTimeout
	if len(o.outstanding) == 0 {
		return timeout
	}
	return timeout - now.Sub(o.outstanding[0].at)
}

// waiting is how many requests have no response yet.
func (o *outbound) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.outstanding)
}

// answer takes the oldest request that is not answered.
func (o *outbound) answer() (request, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.outstanding) == 0 {
		return request{}, false
	}
	r := o.outstanding[0]
	o.outstanding = append(o.outstanding[:0], o.outstanding[1:]...)
	o.messages++
	return r, true
}

// read reads responses until the stream ends, or another takes over.
func (o *outbound) read(ctx context.Context) End {
	if o.relayed {
		defer o.client.moving(ctx, o)()
	}
	reader := wire.NewReader(o.stream, o.client.cfg().MaxFrame)
	var response syncpb.SyncResponse
	for {
		if err := reader.Response(&response); err != nil {
			return o.ended(ctx, err)
		}
		now := time.Now()
		asked, ok := o.answer()
		if !ok {
			return End{Reason: report.EndProtocol, code: network.StreamProtocolViolation, Err: errUnasked}
		}
		if o.answeredAt.IsZero() && (response.GetWaiting() == "" || o.client.set.ceremony.Terms().Observes) {
			o.answeredAt = now
			o.client.reached(now, o.relayed)
			o.endBefore()
		}
		end := o.response(asked, now, &response)
		switch {
		case end.Reason == "":
			continue
		case asked.abort && response.GetSessionId() == 0: // it has arrived, and means nothing to a foreign peer
			o.client.markTold()
		case end.finished():
			o.awaitEnd(now)
		}
		return end
	}
}

// response brings a response to the ceremony. It returns how the stream ends by
// it, without a reason if it goes on.
func (o *outbound) response(asked request, now time.Time, r *syncpb.SyncResponse) End {
	var rtt time.Duration
	if !asked.late {
		rtt = now.Sub(asked.at)
		o.client.cfg().Host.Peerstore().RecordLatency(o.client.id, rtt)
	}
	reply, err := o.facts.Response(roster.Response{
		Session: r.GetSessionId(), Goodbye: asked.goodbye, Abort: asked.abort,
		Refused: r.GetError() != "", Error: r.GetError(), Differ: r.GetDiffer(), RTT: rtt,
		Waiting: r.GetWaiting() != "", WaitingText: r.GetWaiting(),
	})
	switch reply {
	case roster.GoodbyeAnswered:
		return End{Reason: report.EndGoodbye}
	case roster.AbortAnswered:
		return End{Reason: report.EndAbort}
	case roster.Refused:
		return End{Reason: report.EndRefused, Err: err}
	case roster.Stale:
		return End{Reason: report.EndLost}
	case roster.Continue:
	}
	return End{}
}

// awaitEnd gives the other side a moment to end a stream on which nothing is
// left to say.
func (o *outbound) awaitEnd(now time.Time) {
	until := now.Add(lastWords)
	if end := o.client.set.ceremony.Announcement().Until; end.After(now) && end.Before(until) {
		until = end
	}
	o.client.markTold()
	_ = o.stream.SetReadDeadline(until)
	_, _ = io.Copy(io.Discard, o.stream)
}

// endBefore ends the stream that this one has taken over from.
func (o *outbound) endBefore() {
	if o.before != nil {
		o.before.close(End{Reason: report.EndMoved})
		o.before = nil
	}
}

// close resets the stream, and waits until nobody writes on it.
func (o *outbound) close(end End) {
	o.client.current.CompareAndSwap(o, nil)
	reset(o.stream, end.code)
	o.Lock()
	o.out = nil
	o.Unlock()
	o.release()
	end.At, end.Messages, end.Answered = time.Now(), o.messages, !o.answeredAt.IsZero()
	switch {
	case end.Answered:
		o.client.trying(end.At, end, o.facts)
	case end.Lost():
		o.client.unreached(end)
	}
	if o.facts != nil {
		o.facts.Down(end)
	}
}
