package stream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// inbound is one stream that a member opened to this node, and its handler.
type inbound struct {
	server *Server
	stream network.Stream
	buffer *bufio.Reader // reads the stream
	sender
	id     roster.StreamID
	opened time.Time
	done   chan struct{} // closed when the handler is about to return
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once

	superseded atomic.Bool // a newer stream of the member takes its place
	sendsLast  atomic.Bool // its last frame is on its way, and a reset must not overtake it
	ceremony   Ceremony    // guarded by the server's lock
	asks       string      // the definition that a held stream names; guarded by the server's lock too
	owing      atomic.Bool // the stream is in the list of a [Late]

	writing // its lock guards the answers that wait to be written

	serving // only the handler uses this
}

// sender is who opened a stream. A process that only looks is a separate sender, so
// it does not displace another process with the same key.
type sender struct {
	remote   peer.ID
	observes bool
}

// serving is what a handler keeps from one request to the next.
type serving struct {
	facts     InboundFacts // nil while no ceremony serves it
	unprotect func()
	read      deadline
	step      int64  // of the last request that was noted
	signature []byte // the last one that was verified
	verified  []byte // the definition hash that it signs
	attested  attested
	messages  int64
	ahead     Ahead // of the last request
	others    bool  // the member lists other members than this node, or in another order

	mismatched bool // it was reported that the member asks for another definition

	// The last accepted request without its timestamp, and what follows the timestamp
	// in the response to it. Most requests repeat the one before.
	accepted []byte
	echo     []byte
}

// reply is the answer to a request. Both texts are empty if the request was accepted.
type reply struct {
	refusal string
	differ  bool   // the reason is that the members attest different results
	waiting string // why the request does not count yet
}

func newInbound(s *Server, stream network.Stream) *inbound {
	ctx, cancel := context.WithCancel(context.Background())
	in := &inbound{
		server: s, stream: stream, buffer: bufio.NewReaderSize(stream, bufferSize),
		sender: sender{remote: stream.Conn().RemotePeer(), observes: stream.Protocol() == s.cfg.Observe},
		id:     s.cfg.nextStream(), opened: time.Now(),
		done: make(chan struct{}), ctx: ctx, cancel: cancel,
		serving: serving{read: deadline{set: stream.SetReadDeadline, timeout: s.cfg.readTimeout()}},
	}
	in.on(stream, s.cfg.ExchangeTimeout)
	return in
}

// reset ends the stream. Any goroutine may call it. The handler returns soon after.
func (in *inbound) reset(code network.StreamErrorCode) {
	in.once.Do(func() {
		in.cancel()
		reset(in.stream, code)
	})
}

// serve reads requests and answers them until the stream ends.
func (in *inbound) serve() {
	defer close(in.done)
	defer in.cancel()
	end := End{Reason: report.EndStopped}
	defer func() {
		if value := recover(); value != nil {
			task := "serving " + in.remote.String()
			in.server.ceremonies.Broken(&lifecycle.PanicError{Task: task, Value: value, Stack: debug.Stack()})
		}
		if end.Reason != report.EndClosed || !in.finish() {
			in.reset(end.code)
		}
		in.leave(end)
	}()

	var request syncpb.SyncRequest
	if err := in.first(&request); err != nil {
		end = classify(in.ctx, err)
		return
	}
	for {
		var c Ceremony
		if c, end = in.route(&request); c == nil {
			return
		}
		if in.join(c) {
			var held bool
			if held, end = in.converse(c, &request); !held {
				return
			}
			// The request belongs to a later attempt: the stream waits until this
			// ceremony is closed.
			in.leave(End{Reason: report.EndStopped})
			in.server.hold(in, nil)
		}
		select {
		case <-c.Closed():
		case <-in.ctx.Done():
			return
		}
		if in.gone() {
			return
		}
	}
}

// join adds the stream to a ceremony. It returns false if the ceremony is closed.
func (in *inbound) join(c Ceremony) bool {
	in.server.serves(in, c) // first, so that closing the ceremony now finds the stream
	conn := in.stream.Conn()
	facts, open := c.Inbound(Opening{
		Member: c.Terms().Index(in.remote), ID: in.id, Relayed: conn.Stat().Limited, At: in.opened,
	})
	if !open {
		in.server.serves(in, nil)
		return false
	}
	in.facts, in.unprotect = facts, in.server.cfg.protectRelay(conn, c, "from", in.id)
	return true
}

// leave removes the stream from its ceremony, if it has one.
func (in *inbound) leave(end End) {
	if in.facts == nil {
		return
	}
	if in.superseded.Load() {
		end.Reason = report.EndSuperseded
	}
	end.At, end.Messages = time.Now(), in.messages
	in.unprotect()
	in.facts.Down(end)
	in.facts, in.messages = nil, 0
	in.server.serves(in, nil)
}

// converse passes requests on to a ceremony until the stream ends, or until one must be
// held.
func (in *inbound) converse(c Ceremony, request *syncpb.SyncRequest) (held bool, end End) {
	reader := wire.NewReader(in.buffer, in.server.cfg.MaxFrame)
	in.facts.Link(request.GetTraceparent())
	in.step = none
	for {
		if held, end = in.take(c, request, reader); held || end.Reason != "" {
			return held, end
		}
		proto.Reset(request) // keep nothing of it while the stream is silent
		if err := in.next(reader, request); err != nil {
			return false, in.ended(in.ctx, err)
		}
	}
}

// take passes a request on to a ceremony and does what the verdict says. It returns how
// the stream ends, without a reason if the stream goes on. It is a separate function,
// so that its variables are not on the stack while the stream is silent.
func (in *inbound) take(c Ceremony, request *syncpb.SyncRequest, reader *wire.Reader) (held bool, end End) {
	for {
		now := time.Now()
		in.sendsLast.Store(true) // until the verdict is known: the ceremony may be closed before that
		verdict := in.facts.Request(in.fact(c, request), in.ahead)
		in.sendsLast.Store(verdict.Action == roster.AcceptLast || verdict.Action == roster.Refuse)
		switch verdict.Action {
		case roster.Accept:
			in.view(request.GetView())
			if err := in.accept(now, c, request); err != nil {
				return false, classify(in.ctx, err)
			}
		case roster.Greet:
			in.accepted = in.accepted[:0]
			waiting := in.facts.Waiting(verdict)
			if err := in.answer(now, c, request, reply{waiting: waiting}); err != nil {
				return false, classify(in.ctx, err)
			}
			if isClosed(c.Closed()) { // nobody else would end the stream
				return false, End{Reason: report.EndStopped, code: network.StreamShutdown}
			}
		case roster.Decline:
			in.accepted = in.accepted[:0]
			if verdict.Observes {
				in.noted(request)
			}
			waiting := in.facts.Waiting(verdict)
			if err := in.answer(now, nil, request, reply{waiting: waiting}); err != nil {
				return false, classify(in.ctx, err)
			}
			if isClosed(c.Closed()) {
				return false, End{Reason: report.EndStopped, code: network.StreamShutdown}
			}
		case roster.Ignore:
			in.accepted = in.accepted[:0]
			in.noted(request)
			in.read.lift() // the member waits for an answer
		case roster.AcceptLast:
			reason := report.EndGoodbye
			if request.GetAbort() != "" {
				reason = report.EndAbort
			}
			return false, in.last(now, c, request, reply{}, End{Reason: reason})
		case roster.Refuse:
			text, err := in.facts.Refusal(verdict.Cause)
			in.awaitTold(c, verdict.After, reader)
			refusal := reply{refusal: text, differ: verdict.Cause.Kind == roster.ResultMismatch}
			return false, in.last(time.Now(), c, request, refusal, End{Reason: report.EndRefused, Err: err})
		case roster.Drop:
			return false, End{Reason: report.EndProtocol, code: network.StreamProtocolViolation}
		case roster.Hold:
			return true, End{}
		case roster.Supersede:
			if !in.supersede(verdict.Old) {
				return false, End{Reason: report.EndStopped}
			}
			continue
		}
		return false, End{}
	}
}

// noted records the step of a request that the ceremony has taken note of, and returns
// the step that was recorded before. After the first such request the stream no longer
// counts as waiting, so another stream of the peer may wait.
func (in *inbound) noted(request *syncpb.SyncRequest) (before int64) {
	before, in.step = in.step, request.GetStep()
	if before == none {
		in.server.accepted(in)
	}
	return before
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// fact returns a request in the form that the rules read.
func (in *inbound) fact(c Ceremony, q *syncpb.SyncRequest) roster.Request {
	terms := c.Terms()
	if members := q.GetMembers(); len(members) > 0 {
		in.others = !bytes.Equal(members, terms.Digest)
	}
	fact := roster.Request{
		Opened: in.opened, Version: q.GetVersion(), Signed: in.verify(terms.Hash, q.GetHashSignature()),
		OtherMembers: in.others, Session: q.GetSessionId(), Addressee: q.GetAddressee(), Step: q.GetStep(),
		Shutdown: q.GetShutdown(), Nickname: q.GetNickname(), Culprit: -1, Reporter: -1,
		Attestation: in.attestation(terms, q), Observes: in.observes,
	}
	if attempt := q.GetAttempt(); len(attempt) == digestSize {
		fact.HasAttempt, fact.Attempt = true, [digestSize]byte(attempt)
	}
	if q.GetAbort() != "" {
		fact.Aborted, fact.Abort, fact.Differ = true, q.GetAbort(), q.Result != nil
		fact.Culprit = terms.Operator(peer.ID(q.GetCulprit()))
		fact.Reporter = terms.Operator(peer.ID(q.GetReporter()))
	}
	return fact
}

// supersede resets the member's current stream and waits until its handler has
// returned. It returns false if the stream that takes over ends first.
func (in *inbound) supersede(id roster.StreamID) bool {
	old := in.server.find(id)
	if old == nil {
		return true // its handler has returned meanwhile
	}
	old.superseded.Store(true)
	old.reset(network.StreamNoError)
	select {
	case <-old.done:
		return true
	case <-in.ctx.Done():
		return false
	}
}

// next reads the next request that says something new. On the way it answers the
// requests that repeat the last accepted one.
func (in *inbound) next(reader *wire.Reader, request *syncpb.SyncRequest) error {
	for now := time.Now(); ; {
		in.read.renew(now)
		payload, err := reader.Next()
		if err != nil {
			return err
		}
		now = time.Now()
		timestamp, rest, ok := wire.SplitTimestamp(payload)
		if !ok {
			in.accepted, in.ahead = in.accepted[:0], Ahead{}
			return in.decode(payload, request)
		}
		sent, ok := wire.Time(timestamp)
		in.ahead = aheadOf(now, sent, ok)
		view, repeats := wire.SplitView(rest, in.accepted)
		if len(in.accepted) == 0 || !repeats || !in.facts.Repeated(in.ahead) {
			in.accepted = append(in.accepted[:0], rest...) // take clears it unless the request is accepted
			return in.decode(payload, request)
		}
		in.view(view)
		if err := in.answerAgain(now, timestamp); err != nil {
			return err
		}
	}
}

// view passes on the view in a request that counts, if there is one.
func (in *inbound) view(bits []byte) {
	if len(bits) > 0 {
		in.facts.View(bits)
	}
}

func (in *inbound) decode(payload []byte, request *syncpb.SyncRequest) error {
	if err := wire.DecodeRequest(payload, request); err != nil {
		return err
	}
	in.facts.Link(request.GetTraceparent())
	return nil
}

// mostBehind is how many requests after a refused one are searched for an abort.
const mostBehind = 100

// awaitTold waits until the member has heard this node's abort, or until the given
// time. The abort must arrive before the answer to the refused request, because the
// abort names the culprit. Meanwhile awaitTold reads on, because the member may have
// failed too. In that case the member may itself be waiting until this node has heard
// the member's abort, and that abort comes after the refused request on this stream.
// awaitTold reads at most mostBehind requests, because the receive window of a stream
// grows while it is read.
func (in *inbound) awaitTold(c Ceremony, until time.Time, reader *wire.Reader) {
	if until.IsZero() {
		return
	}
	knows, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var behind syncpb.SyncRequest
		for range mostBehind {
			if reader.Request(&behind) != nil || behind.GetAbort() != "" {
				close(knows)
				return
			}
		}
	}()
	enough := time.NewTimer(time.Until(until))
	defer enough.Stop()
	select {
	case <-c.Told(c.Terms().Index(in.remote)):
	case <-enough.C:
	case <-knows:
	case <-in.ctx.Done():
	}
	_ = in.stream.SetReadDeadline(longAgo) // what else the member says does not matter
	<-ended
}

// none is the step of a stream on which no request was noted.
const none = -1

// accept answers an accepted request. If the request says a new step, nobody waits for
// the answer, so it may go out late. Three kinds of answers are not kept back: the
// answer to the first request of a stream; the answer to step 0 or 1, because this node
// can still close its ceremony without a word while it has not announced step 1; and
// the answer to a foreign member, which makes one request at a time.
func (in *inbound) accept(now time.Time, c Ceremony, request *syncpb.SyncRequest) error {
	before := in.noted(request)
	if before != none && request.GetSessionId() != 0 && in.step > max(before, 1) {
		return in.answerLate(now, c, request)
	}
	runtime.Gosched() // let the requests that a barrier waits for go first
	return in.answer(now, c, request, reply{})
}

// answerLate makes the response to a request and lets it wait, unless too many
// responses wait.
func (in *inbound) answerLate(now time.Time, c Ceremony, request *syncpb.SyncRequest) error {
	in.Lock()
	defer in.Unlock()
	if err := in.respond(c, request, reply{}); err != nil {
		return err
	}
	if len(in.out) > lateSize {
		return in.send(now)
	}
	in.answered()
	c.Late().add(in, now)
	return nil
}

// answer writes the response to a request, after those that wait. Without a ceremony,
// the response names no session.
func (in *inbound) answer(now time.Time, c Ceremony, request *syncpb.SyncRequest, with reply) error {
	in.Lock()
	defer in.Unlock()
	if err := in.respond(c, request, with); err != nil {
		return err
	}
	return in.send(now)
}

// answerAgain writes the response to a request that repeats the one before.
func (in *inbound) answerAgain(now time.Time, timestamp []byte) error {
	in.Lock()
	defer in.Unlock()
	in.out = wire.AppendEcho(in.out, timestamp, in.echo)
	return in.send(now)
}

// respond makes the response to a request. The caller holds the lock.
func (in *inbound) respond(c Ceremony, request *syncpb.SyncRequest, with reply) error {
	response := syncpb.SyncResponse{
		SyncTimestamp: request.GetTimestamp(), Error: with.refusal, Waiting: with.waiting,
	}
	if request.GetSessionId() != 0 && c != nil {
		response.SessionId, response.Differ = c.Terms().Session, with.differ
	}
	begin := len(in.out)
	frame, err := wire.AppendResponse(in.out, &response)
	if err != nil {
		return err
	}
	in.out = frame
	if _, rest, ok := wire.SplitTimestamp(frame[begin+wire.HeaderSize:]); ok {
		in.echo = append(in.echo[:0], rest...)
	}
	return nil
}

// send writes the responses that were made. The caller holds the lock.
func (in *inbound) send(now time.Time) error {
	if err := in.flush(now); err != nil {
		return err
	}
	if in.facts != nil {
		in.answered()
	}
	return nil
}

// answered counts a request that was answered.
func (in *inbound) answered() {
	in.messages++
	in.facts.Answered()
}

// last writes the last response, closes the stream for writing, and waits a moment for
// the other side to end it. An immediate reset would overtake the response.
func (in *inbound) last(now time.Time, c Ceremony, request *syncpb.SyncRequest, with reply, end End) End {
	if err := in.answer(now, c, request, with); err != nil {
		return classify(in.ctx, err)
	}
	_ = in.stream.CloseWrite()
	until := now.Add(in.patience(request))
	_ = in.stream.SetReadDeadline(until)
	if _, err := io.CopyN(io.Discard, in.stream, mostIgnored); err == nil { // a flood: read no more of it
		select {
		case <-time.After(time.Until(until)):
		case <-in.ctx.Done():
		}
	}
	return end
}

// mostIgnored is how many bytes are read after the last request of a stream.
const mostIgnored = 64 << 10

// patience returns how long to wait for the other side to end a stream. A foreign
// member may leave the stream open for ever. A few round trips are enough for such a
// member, because the response arrives within one.
func (in *inbound) patience(request *syncpb.SyncRequest) time.Duration {
	const least, roundTrips = 100 * time.Millisecond, 4
	if request.GetSessionId() != 0 {
		return lastWords
	}
	rtt := in.server.cfg.Host.Peerstore().LatencyEWMA(in.remote)
	return min(max(least, roundTrips*rtt), lastWords)
}

// verify reports whether a signature over a definition hash is valid. It checks a
// signature once for each stream, and again when the signature changes
// (docs/protocol.md, "Signatures").
func (in *inbound) verify(hash, signature []byte) bool {
	if bytes.Equal(hash, in.verified) && bytes.Equal(signature, in.signature) {
		return true
	}
	if !isSigned(in.stream.Conn().RemotePublicKey(), hash, signature) {
		return false
	}
	in.verified, in.signature = bytes.Clone(hash), bytes.Clone(signature)
	return true
}
