package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
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

// outbound is one stream to a member, from its opening to its end. The client's
// goroutine writes the requests; another reads the responses and matches them,
// first in, first out.
type outbound struct {
	client  *client
	stream  network.Stream
	id      roster.StreamID
	facts   OutboundFacts // nil before begin
	relayed bool
	release func()

	answered   chan struct{} // closed with the first response that is not a waiting one; who only looks takes any
	answeredAt time.Time
	done       chan struct{} // closed when reading has ended, for this reason:
	end        End

	writing // what follows belongs to the client's goroutine

	mu          sync.Mutex
	outstanding []request // written and not answered, oldest first
	messages    int64
}

// writing is what is needed to write the next request.
type writing struct {
	announced *Announcement // the last one written
	at        time.Time     // when something was written last
	deadline  deadline
	heartbeat *syncpb.SyncRequest // the announcement again, with a new timestamp
	extra     syncpb.SyncRequest  // what one stream's requests have that the others' have not
	traced    bool                // the trace context has been sent
	viewed    *View               // the last one sent
	out       []byte
}

// request is what is remembered of a request until its response comes.
type request struct {
	at      time.Time
	goodbye bool
	abort   bool
}

func newOutbound(ctx context.Context, cl *client, stream network.Stream) *outbound {
	cfg := cl.cfg()
	o := &outbound{
		client: cl, stream: stream, id: cfg.nextStream(), relayed: stream.Conn().Stat().Limited,
		answered: make(chan struct{}), done: make(chan struct{}),
		writing: writing{deadline: deadline{set: stream.SetWriteDeadline, timeout: cfg.ExchangeTimeout}},
	}
	unprotect := cfg.protectRelay(stream.Conn(), cl.set.ceremony, "to", o.id)
	stop := context.AfterFunc(ctx, func() { reset(stream, network.StreamNoError) }) // a write may be stuck
	o.release = func() {
		stop()
		unprotect()
	}
	return o
}

// begin starts reading, and makes the first request: which ceremony is meant, and
// where we are. A stream never begins with an abort.
func (o *outbound) begin() error {
	set := o.client.set
	o.announced = set.ceremony.Announcement()
	err := o.client.cfg().reserve(o.stream)
	if err == nil && o.announced.Abort != "" {
		err = errAborted
	}
	if err != nil {
		return err
	}
	now := time.Now()
	o.facts = set.ceremony.Outbound(Opening{Member: o.client.index, ID: o.id, Relayed: o.relayed, At: now})
	set.run("responses of "+o.client.id.String(), o.read)
	terms := set.ceremony.Terms()
	first := terms.request(o.announced, now)
	first.DefinitionHash, first.Members = terms.Hash, terms.Digest
	o.complete(first)
	o.out = appendRequest(o.out[:0], first)
	return o.send(o.out)
}

// announce writes another announcement: the frame that all streams share, and what
// only this one has.
func (o *outbound) announce(a *Announcement) error {
	o.announced, o.heartbeat = a, nil
	o.complete(&o.extra)
	frame, err := wire.ExtendRequest(append(o.out[:0], a.frame...), &o.extra)
	o.out = frame
	if err != nil {
		return err
	}
	return o.send(o.out)
}

// complete adds to a request what belongs to this stream: which process of the
// member is meant, and the trace context, once there is one.
func (o *outbound) complete(r *syncpb.SyncRequest) {
	r.Addressee, r.Traceparent = o.facts.Addressee(), ""
	if !o.traced {
		r.Traceparent = o.facts.Traceparent()
		o.traced = r.Traceparent != ""
	}
}

// repeat makes the last announcement again.
func (o *outbound) repeat(now time.Time) error {
	o.out = o.again(now)
	return o.send(o.out)
}

// beat is a heartbeat: the last announcement again, and our view, when that has
// changed since it was last sent on this stream. A member without a session does not
// understand it.
func (o *outbound) beat(now time.Time) error {
	o.out = o.again(now)
	if view := o.client.set.ceremony.View(); view != o.viewed && o.heartbeat.GetAddressee() != 0 {
		o.viewed = view
		bits := view.Bits
		if len(bits) > len(noView) && len(o.out)+len(bits) >= maxHeartbeat {
			bits = noView
		}
		o.out = wire.AppendView(o.out, bits)
	}
	return o.send(o.out)
}

// maxHeartbeat is what a heartbeat with a view may take, in bytes: some peers read a
// payload with one Read, which one packet has to fill.
const maxHeartbeat = 1190

// noView is sent instead of a view that does not fit, which is always longer. It is
// no view, so that the one before is void.
var noView = []byte{0}

// again is the frame of the last announcement with a new timestamp.
func (o *outbound) again(now time.Time) []byte {
	if o.heartbeat == nil {
		o.heartbeat = o.client.set.ceremony.Terms().request(o.announced, now)
	}
	o.heartbeat.Timestamp.Seconds, o.heartbeat.Timestamp.Nanos = now.Unix(), int32(now.Nanosecond())
	o.complete(o.heartbeat)
	return appendRequest(o.out[:0], o.heartbeat)
}

func (o *outbound) send(frame []byte) error {
	now := time.Now()
	o.at = now
	o.mu.Lock()
	asked := request{at: now, goodbye: o.announced.Goodbye, abort: o.announced.Abort != ""}
	o.outstanding = append(o.outstanding, asked)
	o.mu.Unlock()
	o.deadline.renew(now)
	if _, err := o.stream.Write(frame); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// onHeartbeat sends a heartbeat on an idle stream, or notices that the other side
// is silent. It returns when it is to be called again.
func (o *outbound) onHeartbeat(now time.Time) (time.Duration, error) {
	cfg := o.client.cfg()
	o.mu.Lock()
	var oldest time.Time
	if len(o.outstanding) > 0 {
		oldest = o.outstanding[0].at
	}
	o.mu.Unlock()
	next := o.client.untilHeartbeat(now)
	if !oldest.IsZero() {
		left := cfg.ExchangeTimeout - now.Sub(oldest)
		if left <= 0 {
			return 0, errSilent
		}
		return min(left, next), nil
	}
	if now.Sub(o.at) < cfg.Heartbeat/2 {
		return next, nil
	}
	return next, o.beat(now)
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

// read reads responses until the stream ends.
func (o *outbound) read() {
	defer close(o.done)
	reader := wire.NewReader(o.stream, o.client.cfg().MaxFrame)
	var response syncpb.SyncResponse
	for {
		if err := reader.Response(&response); err != nil {
			o.end = classify(o.client.set.ctx, err)
			return
		}
		now := time.Now()
		asked, ok := o.answer()
		if !ok {
			o.end = End{Reason: report.EndProtocol, code: network.StreamProtocolViolation, Err: errUnasked}
			return
		}
		if o.answeredAt.IsZero() && (response.GetWaiting() == "" || o.client.set.ceremony.Terms().Observes) {
			o.answeredAt = now
			close(o.answered)
		}
		if o.end = o.response(asked, now, &response); o.end.Reason == "" {
			continue
		}
		if asked.abort && response.GetSessionId() == 0 { // it has arrived, and means nothing to a foreign peer
			o.client.markTold()
			return
		}
		o.awaitEnd(now)
		return
	}
}

// response brings a response to the ceremony. It returns how the stream ends by
// it, without a reason if it goes on.
func (o *outbound) response(asked request, now time.Time, r *syncpb.SyncResponse) End {
	rtt := now.Sub(asked.at)
	o.client.cfg().Host.Peerstore().RecordLatency(o.client.id, rtt)
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
	if !o.end.finished() {
		return
	}
	until := now.Add(lastWords)
	if end := o.client.set.ceremony.Announcement().Until; end.After(now) && end.Before(until) {
		until = end
	}
	o.client.markTold()
	_ = o.stream.SetReadDeadline(until)
	_, _ = io.Copy(io.Discard, o.stream)
}

// failedWrite classifies an error of writing. Reading may know better: a write on
// a stream that the other side has ended fails for no reason of its own.
func (o *outbound) failedWrite(ctx context.Context, err error) End {
	select {
	case <-o.done:
		return o.end
	default:
	}
	if errors.Is(err, errSilent) {
		return End{Reason: report.EndTimeout, Err: err}
	}
	return classify(ctx, err)
}

// close resets the stream and waits until reading has ended, if it has begun.
func (o *outbound) close(end End) {
	reset(o.stream, end.code)
	if o.facts != nil {
		<-o.done
	}
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
