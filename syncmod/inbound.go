package syncmod

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
	"github.com/dkgsync/dkgsync/telemetry"
)

// lastWords is how long the side that has said the last frame of a stream waits
// for the other side to end it.
const lastWords = 500 * time.Millisecond

const (
	readAhead = 1 << 10              // bytes that may be behind a request that has to wait: a step and an abort fit
	settling  = 5 * time.Millisecond // how long a stream that has waited is asked what is behind its request
)

// inbound is one stream that a member has opened to us, and its handler.
type inbound struct {
	server *Server
	stream network.Stream
	ahead  *bufio.Reader // reads the stream
	remote peer.ID
	id     roster.StreamID
	opened time.Time
	parked bool          // it has waited unread
	done   chan struct{} // closed when the handler is about to return
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once

	// What follows belongs to the handler.
	read      deadline
	write     deadline
	out       []byte
	signature []byte // the one that was verified last
	verified  *Ceremony
	messages  int64
	report    *telemetry.Stream

	// The request that was accepted last, without its timestamp, and what
	// follows the timestamp in its response: most requests repeat the one before.
	accepted []byte
	echo     []byte
}

func newInbound(s *Server, stream network.Stream, parked bool) *inbound {
	ctx, cancel := context.WithCancel(context.Background())
	return &inbound{
		server: s, stream: stream, ahead: bufio.NewReaderSize(stream, readAhead), parked: parked, remote: stream.Conn().RemotePeer(), id: s.svc.nextStream(), opened: time.Now(),
		done: make(chan struct{}), ctx: ctx, cancel: cancel,
		read:  deadline{set: stream.SetReadDeadline, timeout: s.svc.cfg.readTimeout()},
		write: deadline{set: stream.SetWriteDeadline, timeout: s.svc.cfg.ExchangeTimeout},
	}
}

// reset ends the stream from any goroutine; its handler returns soon after.
func (in *inbound) reset(code network.StreamErrorCode) {
	in.once.Do(func() {
		in.cancel()
		resetStream(in.stream, code)
	})
}

// serve reads requests and answers them until the stream ends.
func (in *inbound) serve() {
	defer close(in.done)
	defer in.cancel()
	var c *Ceremony
	end := ending{reason: telemetry.EndStopped}
	defer func() {
		if value := recover(); value != nil {
			in.server.svc.fail(&lifecycle.PanicError{Task: "serving " + in.remote.String(), Value: value, Stack: debug.Stack()})
		}
		in.reset(end.code)
		if c != nil {
			c.leave(in, end)
		}
	}()

	reader := wire.NewReader(in.ahead, in.server.svc.cfg.MaxFrame)
	var request syncpb.SyncRequest
	in.read.renew(time.Now())
	if err := reader.Request(&request); err != nil {
		end = in.endOf(err)
		return
	}
	for held := in.parked; ; {
		c = in.route(&request, held)
		if c == nil {
			end = ending{reason: telemetry.EndRefused}
			return
		}
		if held, end = in.converse(c, reader, &request); !held {
			return
		}
		// The request belongs to an attempt that is to come: it waits until this ceremony is closed.
		ended := c
		ended.leave(in, ending{reason: telemetry.EndStopped})
		c = nil
		select {
		case <-ended.closed:
		case <-in.ctx.Done():
			return
		}
	}
}

// converse brings requests to a ceremony until the stream ends, or until one is
// to be held.
func (in *inbound) converse(c *Ceremony, reader *wire.Reader, request *syncpb.SyncRequest) (held bool, end ending) {
	if !c.join(in, request) {
		return true, ending{}
	}
	member := c.index(in.remote)
	first := true
	for {
		now := time.Now()
		verdict := c.request(member, in, request, in.verify(c, request.GetHashSignature()))
		in.messages++
		switch verdict.Action {
		case roster.Accept:
			if first {
				first = false
				in.server.settled(in)
			}
			runtime.Gosched() // the requests that a barrier waits for go first, an answer can wait
			if err := in.answer(now, c, request, ""); err != nil {
				return false, in.endOf(err)
			}
		case roster.AcceptLast:
			reason := telemetry.EndGoodbye
			if request.GetAbort() != "" {
				reason = telemetry.EndAbort
			}
			return false, in.last(now, c, request, "", ending{reason: reason})
		case roster.Refuse:
			text, err := c.refusal(verdict.Cause)
			c.flush()
			in.awaitTelling(c, member, verdict.Cause, reader, request)
			return false, in.last(time.Now(), c, request, text, ending{reason: telemetry.EndRefused, err: err})
		case roster.Drop:
			return false, ending{reason: telemetry.EndProtocol, code: network.StreamProtocolViolation}
		case roster.Hold:
			return true, ending{}
		case roster.Supersede:
			if !c.supersede(in, verdict.Old) {
				return false, ending{reason: telemetry.EndStopped}
			}
			continue
		}
		c.flush()
		if err := in.next(c, member, reader, request); err != nil {
			return false, in.endOf(err)
		}
	}
}

// next reads the next request that says something new. Those that repeat the
// one before are answered on the way.
func (in *inbound) next(c *Ceremony, member int, reader *wire.Reader, request *syncpb.SyncRequest) error {
	for now := time.Now(); ; {
		in.read.renew(now)
		payload, err := reader.Next()
		if err != nil {
			return err
		}
		now = time.Now()
		timestamp, rest, ok := wire.SplitTimestamp(payload)
		if !ok {
			in.accepted = in.accepted[:0]
			return wire.DecodeRequest(payload, request)
		}
		if len(in.accepted) == 0 || !bytes.Equal(rest, in.accepted) || !c.repeated(member, in) {
			in.accepted = append(in.accepted[:0], rest...) // answered with next only once it has been accepted
			return wire.DecodeRequest(payload, request)
		}
		in.messages++
		in.out = wire.AppendEcho(in.out[:0], timestamp, in.echo)
		if err := in.send(now); err != nil {
			return err
		}
	}
}

// awaitTelling lets the news of a failure reach a member by our client first:
// an abort names the culprit, an error in a response cannot. It reads on
// meanwhile: a member that has failed as well may be waiting for us in the same
// way, with an abort of its own behind the request.
func (in *inbound) awaitTelling(c *Ceremony, member int, cause *roster.Failure, reader *wire.Reader, request *syncpb.SyncRequest) {
	itsOwn := cause.Culprit == member && cause.By == member // nobody else brought it
	if request.GetSessionId() == 0 || itsOwn {
		return
	}
	knows := make(chan struct{})
	go func() {
		defer close(knows)
		var behind syncpb.SyncRequest
		for behind.GetAbort() == "" && reader.Request(&behind) == nil {
		}
	}()
	enough := time.NewTimer(tellFor * 6 / 7) // the rest is for the answer
	defer enough.Stop()
	select {
	case <-c.members[member].told:
	case <-enough.C:
	case <-knows:
	case <-c.live.Done():
	case <-in.ctx.Done():
	}
	_ = in.stream.SetReadDeadline(longAgo) // what else it says is of no interest
	<-knows
}

// answer writes the response to a request.
func (in *inbound) answer(now time.Time, c *Ceremony, request *syncpb.SyncRequest, text string) error {
	response := syncpb.SyncResponse{SyncTimestamp: request.GetTimestamp(), Error: text}
	if request.GetSessionId() != 0 && c != nil {
		response.SessionId = c.session
	}
	frame, err := wire.AppendResponse(in.out[:0], &response)
	if err != nil {
		return err
	}
	in.out = frame
	if _, rest, ok := wire.SplitTimestamp(frame[wire.HeaderSize:]); ok {
		in.echo = append(in.echo[:0], rest...)
	}
	return in.send(now)
}

func (in *inbound) send(now time.Time) error {
	in.write.renew(now)
	if _, err := in.stream.Write(in.out); err != nil {
		return err
	}
	if in.report != nil {
		in.report.Message()
	}
	return nil
}

// last writes a last response, says that nothing follows, and waits a moment for
// the other side to end the stream: a reset would overtake the response.
func (in *inbound) last(now time.Time, c *Ceremony, request *syncpb.SyncRequest, text string, end ending) ending {
	if err := in.answer(now, c, request, text); err != nil {
		return in.endOf(err)
	}
	if c != nil {
		c.flush()
	}
	_ = in.stream.CloseWrite()
	until := now.Add(lastWords)
	if c != nil {
		until = c.lastWordsUntil(now)
	}
	_ = in.stream.SetReadDeadline(until)
	_, _ = io.Copy(io.Discard, in.stream)
	return end
}

// verify checks a signature over a ceremony's definition hash: once for a
// stream, and anew when it changes (part 1 of the protocol description, check 2).
func (in *inbound) verify(c *Ceremony, signature []byte) bool {
	if in.verified == c && bytes.Equal(signature, in.signature) {
		return true
	}
	key := in.stream.Conn().RemotePublicKey()
	if key == nil {
		return false
	}
	if ok, err := key.Verify(c.def.Hash, signature); err != nil || !ok {
		return false
	}
	in.verified, in.signature = c, bytes.Clone(signature)
	return true
}

// route finds the ceremony that a stream's first request is meant for (part 3
// of the protocol description, "which ceremony a stream belongs to"). It waits
// for it to be opened, answers with an error when it is not, and then returns
// nil.
func (in *inbound) route(request *syncpb.SyncRequest, waited bool) *Ceremony {
	var grace <-chan time.Time // runs while the peer is a member of something else that is open
	for {
		candidates, _, changed := in.server.svc.membership(in.remote)
		if waited && in.outdated(request) {
			return nil
		}
		waited = true
		if c := in.choose(candidates, request); c != nil {
			return c
		}
		switch {
		case len(candidates) == 0:
			grace = nil
		case grace == nil:
			grace = time.After(in.server.svc.grace(in.remote, request.GetDefinitionHash(), time.Now()))
		}
		select {
		case <-changed:
		case <-in.ctx.Done():
			return nil
		case <-grace:
			in.refuse(candidates, request)
			return nil
		}
	}
}

// outdated tells whether a request that had to wait is not true any more: the
// other side has ended the stream meanwhile, or has given up the attempt that
// the request belongs to, which is not held against the next one. Nothing is
// taken out of the stream.
func (in *inbound) outdated(request *syncpb.SyncRequest) bool {
	if request.GetAbort() != "" {
		return true
	}
	in.read.at = time.Time{} // renewed with the next read
	_ = in.stream.SetReadDeadline(time.Now().Add(settling))
	behind, err := in.ahead.Peek(readAhead)
	_ = in.stream.SetReadDeadline(time.Time{})
	if err == nil || !isTimeout(err) || in.stream.Conn().IsClosed() {
		return true // also with more behind it than any member says while it waits
	}
	reader := wire.NewReader(bytes.NewReader(behind), in.server.svc.cfg.MaxFrame)
	for {
		var next syncpb.SyncRequest
		switch err := reader.Request(&next); {
		case err != nil:
			return false
		case next.GetAbort() != "":
			return true
		}
	}
}

func (in *inbound) choose(candidates []*Ceremony, request *syncpb.SyncRequest) *Ceremony {
	if hash := request.GetDefinitionHash(); len(hash) > 0 {
		for _, c := range candidates {
			if bytes.Equal(c.def.Hash, hash) {
				return c
			}
		}
		return nil
	}
	for _, c := range candidates {
		if in.verify(c, request.GetHashSignature()) {
			return c
		}
	}
	if len(candidates) == 1 {
		return candidates[0] // its signature is wrong there, which is for the rules to say
	}
	return nil
}

// refuse tells a member, and whoever reads the log here, that it asks for what is not
// open here.
func (in *inbound) refuse(candidates []*Ceremony, request *syncpb.SyncRequest) {
	now := time.Now()
	asked, here := named(candidates, request)
	for _, c := range candidates {
		c.foreign(now, c.index(in.remote), asked, here)
	}
	text := fmt.Sprintf("%s is not open here; open here with this member: %s: all members need the same definition", asked, here)
	in.last(now, nil, request, printable(text, maxReason), ending{})
}

// named names what a request asks for, and what is open.
func named(candidates []*Ceremony, request *syncpb.SyncRequest) (asked, here string) {
	asked = "a definition that its signature does not tell"
	if hash := request.GetDefinitionHash(); len(hash) > 0 {
		asked = "definition " + shortHash(hash[:min(len(hash), maxHash)])
	}
	here = "none"
	for i, c := range candidates {
		if i == 0 {
			here = shortHash(c.def.Hash)
			continue
		}
		here += ", " + shortHash(c.def.Hash)
	}
	return asked, here
}

// ending is how a stream ended.
type ending struct {
	reason string
	code   network.StreamErrorCode
	err    error // only for refusals and protocol errors
	gated  bool  // the other side takes this node for a stranger
}

// endOf classifies the error that ended a stream, in the order that libp2p needs:
// our own doing first, then a clean end, which is io.EOF and nothing that wraps
// it; everything else is transient.
func (in *inbound) endOf(err error) ending { return classify(in.ctx, err) }

func classify(ctx context.Context, err error) ending {
	var length *wire.LengthError
	var payload *wire.PayloadError
	switch {
	case ctx.Err() != nil:
		return ending{reason: telemetry.EndStopped}
	case err == io.EOF: //nolint:errorlint // a connection that died may wrap io.EOF
		return ending{reason: telemetry.EndClosed}
	case errors.As(err, &length), errors.As(err, &payload):
		return ending{reason: telemetry.EndProtocol, code: network.StreamProtocolViolation, err: err}
	case isTimeout(err):
		return ending{reason: telemetry.EndTimeout}
	}
	if reset, ok := errors.AsType[*network.StreamError](err); ok && reset.Remote && reset.ErrorCode == network.StreamGated {
		return ending{reason: telemetry.EndLost, gated: true}
	}
	return ending{reason: telemetry.EndLost}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// deadline keeps a stream's deadline between one and one and a half timeouts
// away: renewing it costs a timer, so it is not renewed for every frame.
type deadline struct {
	set     func(time.Time) error
	timeout time.Duration
	at      time.Time
}

func (d *deadline) renew(now time.Time) {
	if d.at.Sub(now) >= d.timeout {
		return
	}
	d.at = now.Add(d.timeout + d.timeout/2)
	_ = d.set(d.at) // a stream that cannot be given a deadline is dead, which its next read says
}
