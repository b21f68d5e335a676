package stream

import (
	"context"
	"errors"
	"io"
	"slices"
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
	errUnasked = errors.New("a response came, but no request was waiting for one")
	errAborted = errors.New("the ceremony has failed before anything was said on the stream")
)

// outbound is one stream to a member, from its opening to its end. The goroutine that
// has its lock writes requests. The client's goroutine reads the responses and matches
// them to the requests, first in, first out.
type outbound struct {
	client  *client
	stream  network.Stream
	id      roster.StreamID
	facts   OutboundFacts // nil before begin
	relayed bool
	release func()
	opened  time.Time

	// Only the client's goroutine uses these.
	before *outbound // the relayed stream that this one takes over from; nil once this one is answered
	// answeredAt is when the first response came. Unless this node observes, a response
	// that says to wait does not count.
	answeredAt time.Time

	announced atomic.Pointer[Announcement] // the last one written; nil if none was written yet

	writing             // its lock guards what the next request needs
	at        time.Time // when something was last written
	traced    bool      // the trace context has been sent
	viewed    *View     // the last one sent
	successor *outbound // the direct stream that takes over

	mu          sync.Mutex
	outstanding []request // written but not answered, oldest first
	messages    int64
}

// request is what this node remembers of a request until its response comes.
type request struct {
	at      time.Time
	goodbye bool
	abort   bool
	late    bool // its answer may be a late one, which does not measure a round trip
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

// begin registers the stream with its ceremony, before anything is sent on it.
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

// sayNext writes the next request, if one is due: the first request of the stream, a
// new announcement, the same announcement again, or a heartbeat. The caller holds the
// lock.
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

// beat writes a heartbeat: the last announcement again, and this node's view if it has
// changed since it was last sent on this stream. A foreign member gets no view,
// because it would not understand it.
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

// compose makes the frame of a request, from the part that all streams share and the
// part that only this one has. It returns the session of the process that the request
// is meant for.
func (o *outbound) compose(now time.Time, extra wire.Extra) (addressee uint64) {
	extra.Addressee = o.facts.Addressee()
	if !o.traced {
		extra.Traceparent = o.facts.Traceparent()
		o.traced = extra.Traceparent != ""
	}
	o.out = wire.AppendAgain(o.out, o.announced.Load().frame, now, extra)
	return extra.Addressee
}

// maxHeartbeat is the maximum size of a heartbeat with a view, in bytes. Some peers
// read a payload with a single Read, so it must fit into one packet.
const maxHeartbeat = 1190

// noView is sent instead of a view that does not fit. It is shorter than any such view.
// It is not a valid view, so it makes the previous view void.
var noView = []byte{0}

// send writes the request that was composed.
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

// patience returns how long the oldest request may still wait for its response, or the
// exchange timeout if no request waits.
func (o *outbound) patience(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	timeout := o.client.cfg().ExchangeTimeout
	if len(o.outstanding) == 0 {
		return timeout
	}
	return timeout - now.Sub(o.outstanding[0].at)
}

// waiting returns how many requests have no response yet.
func (o *outbound) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.outstanding)
}

// canMove reports whether another stream can take over. Late responses that are still
// to come on this stream do not prevent it: the first response on the other stream
// makes up for all of them.
func (o *outbound) canMove() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !slices.ContainsFunc(o.outstanding, func(r request) bool { return !r.late || r.goodbye || r.abort })
}

// answer removes and returns the oldest request that is not answered.
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

// read reads responses until the stream ends or another one takes over.
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
		case asked.abort && response.GetSessionId() == 0: // it has arrived, and means nothing to a foreign member
			o.client.markTold()
		case end.finished():
			o.awaitEnd(now)
		}
		return end
	}
}

// response passes a response on to the ceremony. It returns how the stream ends,
// without a reason if the stream goes on.
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

// endBefore ends the stream that this one took over from.
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
