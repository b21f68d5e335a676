package roster_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// stream is a stream from one process's client to another's server. It has both
// directions, and the handler that serves it. What is in flight stays in order,
// and arrives at any time or never.
type stream struct {
	world  *world
	id     roster.StreamID
	from   int      // the member whose client opened it
	client *process // nil for a stream on which the network repeats an old frame
	server *process
	opened time.Time

	requests    []sent            // in flight to the server
	responses   []roster.Response // in flight to the client
	outstanding []question        // the client's requests that have no answer yet

	clientOpen bool // the client considers it open
	broken     bool // the network has lost it: nothing new gets through

	arrived  bool // the stream has arrived; only stories that go step by step set this
	handler  handlerState
	accepted *sent   // the last request that it accepted
	inHand   *sent   // the request that waits for another stream's handler to return, or is held
	awaits   *stream // the other stream

	refusal string    // what a request is refused with
	after   time.Time // the latest time for the refusal
}

// sent is a request and the process that wrote it.
type sent struct {
	by      *process
	request roster.Request
}

// handlerState says how far a stream's handler is.
type handlerState int

const (
	reading  handlerState = iota // it waits for the next request
	waiting                      // it has reset another stream and waits for that one's handler to return
	holding                      // it leaves the request unanswered until the ceremony is closed
	refusing                     // it lets the abort reach the member before the error
	ending                       // it reads nothing more and will return
	returned                     // it has returned
)

func (s *stream) String() string {
	return fmt.Sprintf("stream %d, %s to %v", s.id, name(s.from), s.server)
}

// newStream opens a stream. The client is nil if nobody reads the responses.
func (w *world) newStream(from int, server, client *process) *stream {
	w.streamsOpened++
	s := &stream{
		world: w, id: roster.StreamID(w.streamsOpened), from: from, client: client, server: server,
		opened: w.now, clientOpen: client != nil,
	}
	w.streams = append(w.streams, s)
	return s
}

// send puts a request in flight.
func (s *stream) send(q roster.Request) {
	if s.broken {
		return
	}
	s.requests = append(s.requests, sent{by: s.client, request: q})
}

// repeat sends old frames of a process again, on a stream that nobody answers.
func (w *world) repeat(old sent, server *process) {
	s := w.newStream(old.by.index, server, nil)
	s.requests = []sent{old}
	s.broken = true
}

// mayDeliverRequest reports whether the handler can read a request now.
func (s *stream) mayDeliverRequest() bool {
	return s.server.alive() && s.handler == reading && len(s.requests) > 0
}

func (s *stream) deliverRequest() {
	next := s.requests[0]
	s.requests = s.requests[1:]
	if s.server.hostile {
		return // a hostile server may answer at any time, see possibleMischief
	}
	s.world.history = append(s.world.history, delivered{next, s.server})
	s.judge(next)
}

// judge passes a request to the server's roster, and does what the verdict
// says.
func (s *stream) judge(next sent) {
	p := s.server
	q := next.request
	q.Opened = s.opened
	if p.session == 0 { // a foreign node does not know the extensions
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

// repeated passes on a request that says the same as the stream's last
// request. If the roster accepts it as repeated, judging it must have the same
// outcome.
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

// mayRetry reports whether the handler that this one waits for has returned.
func (s *stream) mayRetry() bool {
	return s.server.alive() && s.handler == waiting && s.awaits.handler == returned
}

func (s *stream) retry() {
	next := *s.inHand
	s.inHand, s.awaits = nil, nil
	s.handler = reading
	s.judge(next)
}

// mayRefuse reports whether it is time to answer with an error.
func (s *stream) mayRefuse() bool {
	if !s.server.alive() || s.handler != refusing {
		return false
	}
	knows := slices.ContainsFunc(s.requests, func(behind sent) bool { return behind.request.Aborted })
	// The client's stream has ended: the abort was answered or lost, or there never was a stream.
	answered := s.server.clients[s.from].stream == nil
	return knows || answered || !s.world.now.Before(s.after)
}

func (s *stream) refuse() {
	q, f := s.inHand.request, s.server.roster.Failure()
	differ := f != nil && f.Kind == roster.ResultMismatch && s.server.session != 0 && q.Session != 0
	s.respond(q, roster.Response{Refused: true, Error: s.refusal, Differ: differ})
	s.handler = ending
}

// mayReturn reports whether the handler has a reason to return: it has sent its
// last answer, or the stream is over. Requests that are in flight are then
// lost.
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

// hasHeir reports whether another stream waits to take over.
func (s *stream) hasHeir() bool {
	return slices.ContainsFunc(s.world.streams, func(heir *stream) bool { return heir.awaits == s })
}

// mayDeliverResponse reports whether the client can read an answer now.
func (s *stream) mayDeliverResponse() bool {
	return s.clientOpen && s.client.alive() && !s.client.hostile && len(s.responses) > 0
}

func (s *stream) deliverResponse() {
	a := s.responses[0]
	s.responses = s.responses[1:]
	s.client.response(s, a)
}

// mayHangUp reports whether the client has a reason to give up the stream.
func (s *stream) mayHangUp() bool {
	return s.clientOpen && s.client.alive() && !s.client.hostile &&
		(s.broken || s.handler == returned || s.handler != holding && !s.server.alive())
}

// gone reports whether nothing more can happen to a stream.
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

// sweep removes the streams to which nothing more can happen.
func (w *world) sweep() {
	awaited := map[*stream]bool{}
	for _, s := range w.streams {
		if s.awaits != nil {
			awaited[s.awaits] = true
		}
	}
	w.streams = slices.DeleteFunc(w.streams, func(s *stream) bool { return s.gone() && !awaited[s] })
}
