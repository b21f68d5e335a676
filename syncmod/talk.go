package syncmod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
	"github.com/dkgsync/dkgsync/telemetry"
)

// talk is one stream to a member, from its opening to its end. The client's
// goroutine writes the requests; another reads the responses and matches them,
// first in, first out.
type talk struct {
	client  *client
	stream  network.Stream
	id      roster.StreamID
	relayed bool
	release func()
	report  *telemetry.Stream

	answered   chan struct{} // closed with the first response
	answeredAt time.Time
	done       chan struct{} // closed when reading has ended, for this reason:
	end        ending

	// What follows belongs to the client's goroutine.
	said      *line
	lastWrite time.Time
	write     deadline
	beat      *syncpb.SyncRequest // says the line again, with a new timestamp
	out       []byte

	mu          sync.Mutex
	outstanding []request // written and not answered, oldest first
	messages    int64
}

// request is what is remembered of a request until its response comes.
type request struct {
	at      time.Time
	goodbye bool
	abort   bool
}

func newTalk(ctx context.Context, cl *client, stream network.Stream) *talk {
	c := cl.ceremony
	t := &talk{
		client: cl, stream: stream, id: c.svc.nextStream(), relayed: stream.Conn().Stat().Limited,
		answered: make(chan struct{}), done: make(chan struct{}),
		write: deadline{set: stream.SetWriteDeadline, timeout: c.svc.cfg.ExchangeTimeout},
	}
	t.report = c.report.Stream(telemetry.StreamStart{Peer: cl.index, Relayed: t.relayed, At: time.Now()})
	release := c.svc.keep(stream.Conn(), fmt.Sprintf("%s/to/%d/%x", ServiceName, cl.index, c.session))
	stop := context.AfterFunc(ctx, func() { resetStream(stream, network.StreamNoError) }) // a write may be stuck
	t.release = func() {
		stop()
		release()
	}
	c.mu.Lock()
	c.roster.OutboundOpened(cl.index, t.id, t.relayed)
	c.notifyWatchers()
	c.mu.Unlock()
	return t
}

// reserve accounts for the stream in the host's resource manager.
func (t *talk) reserve() error {
	scope := t.stream.Scope()
	if err := scope.SetService(ServiceName); err != nil {
		return fmt.Errorf("joining the service's resource scope: %w", err)
	}
	if err := scope.ReserveMemory(t.client.ceremony.svc.cfg.MaxFrame, network.ReservationPriorityAlways); err != nil {
		return fmt.Errorf("reserving memory for a frame: %w", err)
	}
	return nil
}

// converse says on a stream what there is to say until the stream ends. It may
// move to another one; it returns the one that is current at the end, and how
// that ended.
func (cl *client) converse(ctx context.Context, t *talk) (*talk, ending) {
	var before *talk // the stream that t takes over from
	defer func() {
		if before != nil {
			before.close(ending{reason: telemetry.EndMoved})
		}
	}()
	heartbeat := time.NewTimer(cl.ceremony.untilBeat(time.Now()))
	defer heartbeat.Stop()
	if err := t.begin(); err != nil {
		return t, ending{reason: telemetry.EndLost, err: err}
	}
	answered := t.answered
	for {
		if next := cl.ceremony.line.Load(); next != t.said {
			if err := t.say(next); err != nil {
				end := t.failedWrite(ctx, err)
				return t, end
			}
		}
		move, beat := false, false
		select {
		case <-cl.wake:
			if cl.stale.Swap(false) && cl.ceremony.staleOutbound(cl.index) {
				return t, ending{reason: telemetry.EndLost, err: errors.New("it leads to a process that the member has replaced")}
			}
		case <-answered:
			answered = nil
			cl.connected(t, t.answeredAt)
			if before != nil {
				before.close(ending{reason: telemetry.EndMoved})
				before = nil
			}
		case <-heartbeat.C:
			move, beat = t.relayed, true // before the heartbeat: there is to be nothing outstanding
		case <-cl.hint:
			move = t.relayed
		case <-t.done:
			return t, t.end
		case <-ctx.Done():
			return t, ending{reason: telemetry.EndStopped}
		}
		if move && before == nil {
			began := time.Now()
			if direct := cl.move(ctx, t); direct != nil {
				cl.trying(began, ending{reason: telemetry.EndMoved}, t.report)
				before, t, answered = t, direct, direct.answered
				if err := t.begin(); err != nil {
					return t, ending{reason: telemetry.EndLost, err: err}
				}
			}
		}
		if beat {
			next, err := t.tend(time.Now())
			if err != nil {
				end := t.failedWrite(ctx, err)
				return t, end
			}
			heartbeat.Reset(next)
		}
	}
}

// move opens a stream on a direct connection, when there is one now and the
// talk runs through a relay with nothing outstanding.
func (cl *client) move(ctx context.Context, t *talk) *talk {
	host := cl.ceremony.svc.host
	if t.waiting() > 0 || host.Network().Connectedness(cl.id) != network.Connected {
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, cl.ceremony.svc.cfg.ExchangeTimeout)
	defer cancel()
	opened, gone := make(chan struct{}), make(chan struct{})
	go func() { // what there is to say goes out on the old stream, and does not wait for the new one
		defer close(gone)
		select {
		case <-cl.wake:
			cancel()
			cl.poke()
		case <-opened:
		}
	}()
	stream, err := host.NewStream(network.WithNoDial(opening, why), cl.id, ProtocolID)
	close(opened)
	<-gone
	if err != nil {
		return nil
	}
	if stream.Conn().Stat().Limited {
		resetStream(stream, network.StreamNoError)
		return nil
	}
	return newTalk(ctx, cl, stream)
}

// begin starts reading, and says the first line: which ceremony is meant, and
// where we are.
func (t *talk) begin() error {
	err := t.reserve()
	if err == nil {
		err = t.client.ceremony.svc.clients.group.Go("responses of "+t.client.id.String(), t.read)
	}
	if err != nil {
		close(t.done)
		return err
	}
	t.said = t.client.ceremony.line.Load()
	c := t.client.ceremony
	first := c.requestFor(t.said, time.Now())
	first.DefinitionHash = c.def.Hash
	first.Traceparent = t.report.Traceparent()
	t.out = c.encode(t.out[:0], first)
	return t.send(t.out, t.said)
}

// say writes a line.
func (t *talk) say(l *line) error {
	t.said, t.beat = l, nil
	return t.send(l.frame, l)
}

func (t *talk) send(frame []byte, l *line) error {
	now := time.Now()
	t.lastWrite = now
	t.mu.Lock()
	t.outstanding = append(t.outstanding, request{at: now, goodbye: l.shutdown, abort: l.abort != ""})
	t.mu.Unlock()
	t.write.renew(now)
	if _, err := t.stream.Write(frame); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

var errSilent = errors.New("no response within the exchange timeout")

// tend looks after an idle stream: it says that we are alive, or notices that
// the other side is not. It returns when it wants to be called again.
func (t *talk) tend(now time.Time) (time.Duration, error) {
	cfg := t.client.ceremony.svc.cfg
	t.mu.Lock()
	var oldest time.Time
	if len(t.outstanding) > 0 {
		oldest = t.outstanding[0].at
	}
	t.mu.Unlock()
	if !oldest.IsZero() {
		left := cfg.ExchangeTimeout - now.Sub(oldest)
		if left <= 0 {
			return 0, errSilent
		}
		return min(left, t.client.ceremony.untilBeat(now)), nil
	}
	next := t.client.ceremony.untilBeat(now)
	if now.Sub(t.lastWrite) < cfg.Heartbeat/2 {
		return next, nil
	}
	return next, t.repeat(now)
}

// untilBeat is the time until the next heartbeat. All streams of a ceremony have
// theirs in the same moment, for which the process wakes up once.
func (c *Ceremony) untilBeat(now time.Time) time.Duration {
	return c.svc.cfg.Heartbeat - now.Sub(c.opened)%c.svc.cfg.Heartbeat
}

// repeat says the last line again: a heartbeat.
func (t *talk) repeat(now time.Time) error {
	c := t.client.ceremony
	if t.beat == nil {
		t.beat = c.requestFor(t.said, now)
	}
	t.beat.Timestamp.Seconds, t.beat.Timestamp.Nanos = now.Unix(), int32(now.Nanosecond()) //nolint:gosec // below 1e9
	t.out = c.encode(t.out[:0], t.beat)
	return t.send(t.out, t.said)
}

func (t *talk) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.outstanding)
}

// answer takes the oldest request that is not answered.
func (t *talk) answer() (request, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.outstanding) == 0 {
		return request{}, false
	}
	r := t.outstanding[0]
	t.outstanding = append(t.outstanding[:0], t.outstanding[1:]...)
	t.messages++
	return r, true
}

// read reads responses until the stream ends.
func (t *talk) read(ctx context.Context) error {
	defer close(t.done)
	c := t.client.ceremony
	reader := wire.NewReader(t.stream, c.svc.cfg.MaxFrame)
	var response syncpb.SyncResponse
	for {
		if err := reader.Response(&response); err != nil {
			t.end = classify(ctx, err)
			return nil
		}
		now := time.Now()
		asked, ok := t.answer()
		if !ok {
			t.end = ending{reason: telemetry.EndProtocol, code: network.StreamProtocolViolation, err: errors.New("a response to nothing")}
			return nil
		}
		if t.answeredAt.IsZero() {
			t.answeredAt = now
			close(t.answered)
		}
		t.end.reason = c.response(t, asked, now.Sub(asked.at), &response)
		c.flush()
		switch {
		case t.end.reason == "":
		case asked.abort && response.GetSessionId() == 0: // it has arrived, and means nothing to a foreign peer
			t.client.tellingDone()
			return nil
		default:
			t.awaitEnd(now)
			return nil
		}
	}
}

// awaitEnd gives the other side a moment to end a stream on which nothing is
// left to say.
func (t *talk) awaitEnd(now time.Time) {
	if !t.client.finished(t.end) {
		return
	}
	t.client.tellingDone()
	_ = t.stream.SetReadDeadline(t.client.ceremony.lastWordsUntil(now))
	_, _ = io.Copy(io.Discard, t.stream)
}

// failedWrite classifies an error of writing. Reading may know better: a write on
// a stream that the other side has ended fails for no reason of its own.
func (t *talk) failedWrite(ctx context.Context, err error) ending {
	select {
	case <-t.done:
		return t.end
	default:
	}
	if errors.Is(err, errSilent) {
		return ending{reason: telemetry.EndTimeout, err: err}
	}
	end := classify(ctx, err)
	end.err = err
	return end
}

// close resets the stream and waits until reading has ended.
func (t *talk) close(end ending) {
	resetStream(t.stream, end.code)
	<-t.done
	t.release()
	c := t.client.ceremony
	now := time.Now()
	loss := lossOf(end)
	switch {
	case !t.answeredAt.IsZero():
		t.client.trying(now, end, t.report)
	case loss != nil:
		t.client.unanswered(loss)
	}
	o := telemetry.StreamEnd{At: now, Messages: t.messages, Reason: end.reason}
	if end.reason == telemetry.EndProtocol || end.reason == telemetry.EndRefused {
		o.Err, o.Type = end.err, errorType(end.err)
	}
	now = c.lock()
	c.roster.OutboundDown(now, t.client.index, t.id, loss)
	c.note(func() { t.report.End(o) })
	c.settle(now)
	c.mu.Unlock()
	c.flush()
}

// requestFor makes a request that says a line.
func (c *Ceremony) requestFor(l *line, now time.Time) *syncpb.SyncRequest {
	return &syncpb.SyncRequest{
		Timestamp: timestamppb.New(now), HashSignature: c.signature, Shutdown: l.shutdown, Version: c.svc.cfg.Version, Step: l.step,
		Nickname: c.svc.cfg.Nickname, SessionId: c.session, Abort: l.abort, Culprit: l.culprit,
	}
}

// encode makes a frame of a request of ours, whose texts have been checked.
func (c *Ceremony) encode(dst []byte, r *syncpb.SyncRequest) []byte {
	frame, err := wire.AppendRequest(dst, r)
	if err != nil {
		panic(fmt.Sprintf("dkgsync: a request of our own cannot be encoded: %v", err))
	}
	return frame
}

// response brings a member's response to the rules. It returns why the stream is
// to end, or nothing.
func (c *Ceremony) response(t *talk, asked request, rtt time.Duration, r *syncpb.SyncResponse) (end string) {
	i := t.client.index
	c.svc.host.Peerstore().RecordLatency(t.client.id, rtt)
	t.report.Message()
	t.report.RTT(rtt)
	now := c.lock()
	defer c.mu.Unlock()
	switch {
	case asked.abort:
		return telemetry.EndAbort
	case c.err != nil && r.GetError() != "":
		return telemetry.EndRefused
	case c.err != nil:
		return "" // to be told why, behind this
	}
	ok := c.roster.Response(now, i, t.id, roster.Response{
		Session: r.GetSessionId(), Goodbye: asked.goodbye, Refused: r.GetError() != "", Error: printable(r.GetError(), maxSaid), RTT: rtt,
	})
	c.settle(now)
	switch {
	case ok && asked.goodbye:
		return telemetry.EndGoodbye
	case ok, c.err != nil && r.GetError() == "":
		return ""
	case c.err != nil:
		t.end.err = c.err
		return telemetry.EndRefused
	}
	return telemetry.EndLost // an answer of a process that is no more
}

// staleOutbound tells whether the current stream to a member leads to a process
// that the member is no more.
func (c *Ceremony) staleOutbound(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roster.StaleOutbound(i)
}
