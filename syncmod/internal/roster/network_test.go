package roster_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// stream is a stream from one process's client to another's server, both
// directions of it, and the handler that serves it. What is in flight stays in
// order and arrives at any time, or never.
type stream struct {
	world  *world
	id     roster.StreamID
	from   int      // the member whose client opened it
	client *process // nil for a stream on which the network repeats an old frame
	server *process
	opened time.Time

	requests    []sent            // in flight to the server
	responses   []roster.Response // in flight to the client
	outstanding []question        // the client's requests without an answer yet

	clientOpen bool // the client's side believes in it
	broken     bool // the network has lost it: nothing new gets through

	arrived  bool // in a story that goes step by step
	handler  handlerState
	accepted *sent   // the last request that it accepted
	inHand   *sent   // the request that waits for another stream's handler to return, or is held
	awaits   *stream // that other stream

	refusal string    // what a request is refused with
	after   time.Time // when at the latest
}

// sent is a request and the process that wrote it.
type sent struct {
	by      *process
	request roster.Request
}

// handlerState is how far a stream's handler is.
type handlerState int

const (
	reading  handlerState = iota // it waits for the next request
	waiting                      // it has reset another stream and waits for its handler to return
	holding                      // it leaves the request unanswered until the ceremony is closed
	refusing                     // it lets our abort reach the member before its error
	ending                       // it reads no more and will return
	returned                     // it has returned
)

func (s *stream) String() string {
	return fmt.Sprintf("stream %d, %s to %v", s.id, name(s.from), s.server)
}

// newStream opens a stream; client is nil when there is nobody to answer.
func (w *world) newStream(from int, server, client *process) *stream {
	w.streamsOpened++
	s := &stream{
		world: w, id: roster.StreamID(w.streamsOpened), from: from, client: client, server: server,
		opened: w.now, clientOpen: client != nil,
	}
	w.streams = append(w.streams, s)
	return s
}

// send puts a request on its way.
func (s *stream) send(q roster.Request) {
	if s.broken {
		return
	}
	s.requests = append(s.requests, sent{by: s.client, request: q})
}

// repeat brings old frames of a process again, on a stream that nobody answers.
func (w *world) repeat(old sent, server *process) {
	s := w.newStream(old.by.index, server, nil)
	s.requests = []sent{old}
	s.broken = true
}

// mayDeliverRequest tells whether the handler can read a request now.
func (s *stream) mayDeliverRequest() bool {
	return s.server.alive() && s.handler == reading && len(s.requests) > 0
}

func (s *stream) deliverRequest() {
	next := s.requests[0]
	s.requests = s.requests[1:]
	if s.server.hostile {
		return // it answers when it likes
	}
	s.world.history = append(s.world.history, delivered{next, s.server})
	s.judge(next)
}

// judge brings a request to the server's roster, and does as the verdict says.
func (s *stream) judge(next sent) {
	p := s.server
	q := next.request
	q.Opened = s.opened
	if p.session == 0 { // a foreign node does not know our extensions
		q.Session, q.Addressee, q.Aborted, q.HasAttempt, q.Attestation = 0, 0, false, false, nil
	}
	if s.accepted != nil && *s.accepted == next && s.repeated(q) {
		s.respond(q, roster.Response{})
		return
	}
	verdict := p.roster.Request(s.world.now, s.from, s.id, q)
	s.world.note(s, next, verdict)
	switch verdict.Action {
	case roster.Accept, roster.AcceptLast:
		p.heard[next.by] = true
		if next.by.hostile {
			p.claimed = max(p.claimed, q.Step)
		}
		s.accepted = &next
		s.respond(q, roster.Response{})
		if verdict.Action == roster.AcceptLast {
			s.handler = ending
		}
	case roster.Refuse:
		s.handler = refusing
		s.refusal, s.after = reason(verdict.Cause), verdict.After
		s.inHand = &next
	case roster.Drop:
		s.handler = ending
	case roster.Greet:
		s.accepted = nil
		s.respond(q, roster.Response{Waiting: verdict.Over || verdict.Waiting != nil})
	case roster.Hold:
		s.inHand = &next
		s.handler = holding
		if old := s.world.find(verdict.Old); old != nil && old.handler == holding {
			old.broken = true
			old.handler = ending
		}
	case roster.Supersede:
		s.inHand = &next
		s.handler = waiting
		s.awaits = s.world.find(verdict.Old)
		if s.awaits.handler == reading {
			s.awaits.broken = true
		}
	}
	p.observe()
}

// repeated brings a request that says what the stream's last one said. When the
// roster takes it for that, it has to come to the same as judging it.
func (s *stream) repeated(q roster.Request) bool {
	w, r := s.world, s.server.roster
	judged := r.Clone()
	if !r.Repeated(w.now, s.from, s.id) {
		return false
	}
	verdict := judged.Request(w.now, s.from, s.id, q)
	if verdict.Action != roster.Accept || len(judged.Effects().Events) > 0 || !same(judged, r) {
		w.t.Fatalf("%v: a request was taken for a repeated one; judging it says %s", s, verdictWords(w.now, verdict))
	}
	return true
}

func (s *stream) respond(q roster.Request, a roster.Response) {
	if s.broken {
		return
	}
	if q.Session != 0 {
		a.Session = s.server.session
	}
	s.responses = append(s.responses, a)
}

// mayRetry tells whether the handler that this one waits for has returned.
func (s *stream) mayRetry() bool {
	return s.server.alive() && s.handler == waiting && s.awaits.handler == returned
}

func (s *stream) retry() {
	next := *s.inHand
	s.inHand, s.awaits = nil, nil
	s.handler = reading
	s.judge(next)
}

// mayRefuse tells whether it is time to answer with an error.
func (s *stream) mayRefuse() bool {
	if !s.server.alive() || s.handler != refusing {
		return false
	}
	knows := slices.ContainsFunc(s.requests, func(behind sent) bool { return behind.request.Aborted })
	answered := s.server.clients[s.from].stream == nil // our abort was, or there is nothing to say it on
	return knows || answered || !s.world.now.Before(s.after)
}

func (s *stream) refuse() {
	q, f := s.inHand.request, s.server.roster.Failure()
	differ := f != nil && f.Kind == roster.ResultMismatch && s.server.session != 0 && q.Session != 0
	s.respond(q, roster.Response{Refused: true, Error: s.refusal, Differ: differ})
	s.handler = ending
}

// mayReturn tells whether the handler has a reason to return: it has said its
// last word, or the stream is over. Requests that are in flight are lost then.
func (s *stream) mayReturn() bool {
	if !s.server.alive() {
		return false
	}
	if s.handler == reading || s.handler == holding || s.handler == refusing {
		return s.broken || !s.clientOpen || !s.client.alive()
	}
	return s.handler == ending
}

func (s *stream) handlerReturns() {
	s.handler = returned
	s.requests = nil
	if s.server.hostile {
		return
	}
	before := s.server.roster.Member(s.from).Inbound
	s.server.roster.InboundDown(s.world.now, s.from, s.id)
	s.server.observe()
	if before && s.hasHeir() && !s.server.roster.Member(s.from).Inbound {
		s.world.t.Fatalf("%v: the stream that takes over from %v shows a disconnection", s.server, s)
	}
}

// hasHeir tells whether another stream waits to take over.
func (s *stream) hasHeir() bool {
	return slices.ContainsFunc(s.world.streams, func(heir *stream) bool { return heir.awaits == s })
}

// mayDeliverResponse tells whether the client can read an answer now.
func (s *stream) mayDeliverResponse() bool {
	return s.clientOpen && s.client.alive() && !s.client.hostile && len(s.responses) > 0
}

func (s *stream) deliverResponse() {
	a := s.responses[0]
	s.responses = s.responses[1:]
	s.client.response(s, a)
}

// mayHangUp tells whether the client has a reason to give the stream up.
func (s *stream) mayHangUp() bool {
	return s.clientOpen && s.client.alive() && !s.client.hostile &&
		(s.broken || s.handler == returned || s.handler != holding && !s.server.alive())
}

// gone tells whether nothing can happen to a stream any more.
func (s *stream) gone() bool {
	return (s.handler == returned || !s.server.alive()) && (!s.clientOpen || !s.client.alive())
}

func (w *world) find(id roster.StreamID) *stream {
	k := slices.IndexFunc(w.streams, func(s *stream) bool { return s.id == id })
	if k < 0 {
		return nil
	}
	return w.streams[k]
}

// sweep forgets the streams to which nothing can happen any more.
func (w *world) sweep() {
	awaited := map[*stream]bool{}
	for _, s := range w.streams {
		if s.awaits != nil {
			awaited[s.awaits] = true
		}
	}
	w.streams = slices.DeleteFunc(w.streams, func(s *stream) bool { return s.gone() && !awaited[s] })
}
