package check_test

import (
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// stream is a stream from a process's client to another node's server, in both
// directions, with the handler that serves it. What is in flight stays in order. A
// request may be skipped, because a client writes only the newest.
type stream struct {
	from, to int8
	process  int8 // the process of the client
	id       int8 // its number in the story

	handler  handler
	clientOn bool // the client considers it open
	broken   bool // the network has lost it: nothing new gets through
	accepted bool // a request was accepted on it
	joined   bool // the server's ceremony serves it
	rank     int8 // its place in the order of arrival; in a foreign pair, in the order of opening until it arrives
	answered int8 // the process that last answered the client on this stream; -1: none, or byStream is false
	awaits   int8 // the stream whose handler this one waits for; -1: it has returned
	inHand   request

	requestCount, responseCount int8
	requests                    [maxLines]request
	responses                   [maxLines]response
}

// handler is what the handler of a stream is doing.
type handler uint8

const (
	opening  handler = iota // it has not started: the stream has not arrived
	reading                 // it waits for the next request
	waiting                 // it reset another stream and waits for the handler of that one
	refusing                // it sends its error only after this node's abort has reached the member
	holding                 // it does not answer the request until the ceremony is closed
	ending                  // it stopped reading and will return
	returned                // it has returned
)

// kind is what a request says besides its step.
type kind uint8

const (
	plain kind = iota
	goodbye
	abort
	differ // an abort because the members attest different results
)

// aborts reports whether a request says that its sender's ceremony failed.
func (k kind) aborts() bool { return k == abort || k == differ }

// request is a request in flight.
type request struct {
	kind     kind
	step     int8
	to       int8 // the process that it addresses; -1: none
	attempt  attempt
	culprit  int8 // of an abort
	reporter int8
	about    int8 // the member named as the cause, by the request's text or by the error that refuses it
}

// response is an answer in flight.
type response struct {
	asked   kind
	by      int8 // the process that answers; -1: one that does not name itself
	refused bool
	differ  bool // because the members attest different results
	waiting bool // the request does not count
	about   int8 // the member that the text of the error names
}

// alive reports whether a handler is serving a stream.
func (st *stream) alive() bool {
	return st.handler == reading || st.handler == waiting || st.handler == refusing || st.handler == holding
}

// clientGone reports whether the client's end of a stream no longer exists.
func (w *world) clientGone(st *stream) bool {
	n := &w.nodes[st.from]
	return !st.clientOn || n.process != st.process || n.shut != open
}

// push puts a request in flight. It does not put the same request there twice in a row.
func (w *world) push(s int8, q request) {
	st := &w.streams[s]
	if st.broken || st.handler == returned || st.requestCount > 0 && st.requests[st.requestCount-1] == q {
		return
	}
	if st.requestCount == maxLines {
		w.violates("a node goes on saying what nobody has read")
		return
	}
	st.requests[st.requestCount] = q
	st.requestCount++
}

// take removes a request from a stream, and the requests before it, which were skipped.
func (st *stream) take(k int8) request {
	q := st.requests[k]
	copy(st.requests[:], st.requests[k+1:st.requestCount])
	clear(st.requests[st.requestCount-k-1 : st.requestCount])
	st.requestCount -= k + 1
	return q
}

// arrive starts the handler of a stream. Only one stream of a peer may wait for its
// first accepted request, so an earlier stream that still waits is reset.
func (w *world) arrive(s int8) {
	st := &w.streams[s]
	foreign := w.foreignPair(int(st.from), int(st.to))
	latest := int8(0)
	for k := range int8(w.count) {
		o := &w.streams[k]
		if k == s || o.from != st.from || o.to != st.to {
			continue
		}
		switch {
		case foreign && o.handler == opening && o.rank < st.rank:
			w.tell("return stream=%d", o.id)
			w.handlerReturns(k) // foreign streams arrive in the order in which they were opened, or never
		case o.handler != opening:
			if o.alive() && !o.accepted {
				w.endHandler(k)
			}
			latest = max(latest, o.rank)
		}
	}
	st.handler = reading
	st.rank = latest + 1
}

// judge passes a request on to the server's roster and acts on the verdict.
func (w *world) judge(s int8, q request) {
	st := &w.streams[s]
	i, j := int(st.to), int(st.from)
	if !w.isOpen(i) {
		w.judgeClosed(s, q)
		return
	}
	st.joined = true
	r := w.begin(i)
	v := r.Request(now, j, streamID(s), w.fact(st, q))
	switch v.Action {
	case roster.Accept:
		st.accepted, st.handler = true, reading
		w.respond(s, response{asked: q.kind})
	case roster.Greet:
		st.handler = reading
		w.respond(s, response{asked: q.kind, waiting: v.Waiting != nil || v.Over})
	case roster.AcceptLast:
		st.handler = ending
		w.respond(s, response{asked: q.kind})
	case roster.Refuse:
		st.handler = refusing
		st.inHand = q
		st.inHand.about = causeOf(v.Cause)
		if r.Phase() != roster.Failed {
			w.violates("a node that cannot fail refuses a member")
		}
		if v.After.IsZero() {
			w.end(i)
			w.tell("refuse stream=%d", st.id)
			w.refuse(s)
			return
		}
	case roster.Drop:
		st.handler, st.broken = ending, true
	case roster.Hold:
		st.handler, st.joined, st.inHand = holding, false, q
		r.InboundDown(now, j, streamID(s))
		if v.Old != 0 {
			w.endHandler(int8(v.Old) - 1)
		}
	case roster.Supersede:
		st.handler, st.inHand = waiting, q
		st.awaits = int8(v.Old) - 1
		if old := &w.streams[st.awaits]; old.process == st.process && old.rank > st.rank && !w.foreignPair(i, j) {
			w.violates("an older stream supersedes a newer one")
		}
		w.endHandler(st.awaits)
	}
	w.end(i)
}

// endHandler resets a stream, whose handler will then return.
func (w *world) endHandler(s int8) {
	st := &w.streams[s]
	if st.handler == returned {
		panic("a stream is reset whose handler has returned")
	}
	st.handler, st.broken, st.inHand, st.awaits = ending, true, request{}, -1
}

// judgeClosed answers for a node whose ceremony is not open.
func (w *world) judgeClosed(s int8, q request) {
	st := &w.streams[s]
	if w.foreignPair(int(st.from), int(st.to)) {
		st.handler, st.inHand = holding, q
		return
	}
	w.respond(s, response{asked: q.kind, by: -1, waiting: true})
}

// fact returns a request in the form that the rules read.
func (w *world) fact(st *stream, q request) roster.Request {
	i, j := int(st.to), int(st.from)
	f := roster.Request{
		Opened: timeOf(st.rank), Version: versionText, Signed: true, Step: int64(q.step), Shutdown: q.kind == goodbye,
		Culprit: -1, Reporter: -1,
	}
	if w.foreignPair(i, j) {
		return f
	}
	f.Session = w.sessionOf(j, st.process)
	if q.to >= 0 {
		f.Addressee = w.sessionOf(i, q.to)
	}
	f.Attempt, f.HasAttempt = w.digest(q.attempt)
	if int64(q.step) == int64(w.last) {
		f.Attestation = w.attestationOf(j)
	}
	if q.kind.aborts() {
		f.Differ = q.kind == differ
		f.Aborted, f.Abort, f.Culprit, f.Reporter = true, texts[q.about], int(q.culprit), int(q.reporter)
	}
	return f
}

// respond puts an answer in flight, unless nobody can read it or it changes nothing.
func (w *world) respond(s int8, a response) {
	st := &w.streams[s]
	switch {
	case w.foreignPair(int(st.from), int(st.to)):
		a.by, a.waiting = -1, false
	case w.isOpen(int(st.to)):
		a.by = w.nodes[st.to].process
	}
	if st.broken || w.clientGone(st) || w.reduces(quietAnswers) && w.isQuiet(s, a) {
		return
	}
	if st.responseCount == maxLines {
		w.violates("a node goes on answering what nobody has read")
		return
	}
	st.responses[st.responseCount] = a
	st.responseCount++
}

// refuse answers with an error.
func (w *world) refuse(s int8) {
	st := &w.streams[s]
	f := w.nodes[st.to].state.Failure
	differs := f != nil && f.Kind == roster.ResultMismatch
	w.respond(s, response{asked: st.inHand.kind, refused: true, differ: differs, about: st.inHand.about})
	st.inHand, st.handler = request{}, ending
}

// mayRefuse reports whether it is time to answer with an error: the member knows the
// reason from this node's abort, or this abort cannot reach the member.
func (w *world) mayRefuse(s int8) bool {
	st := &w.streams[s]
	n := &w.nodes[st.to]
	if st.handler != refusing {
		return false
	}
	knows := w.impatient || n.told || n.clients[st.from].finished || n.clients[st.from].current < 0
	for k := range st.requestCount {
		knows = knows || st.requests[k].kind.aborts()
	}
	return knows
}

// mayReturn reports whether a handler has a reason to return.
func (w *world) mayReturn(s int8) bool {
	st := &w.streams[s]
	switch st.handler {
	case ending:
		return true
	case opening, reading, holding, refusing:
		return st.broken || w.clientGone(st)
	}
	return false
}

// handlerReturns ends the server's side of a stream.
func (w *world) handlerReturns(s int8) {
	st := &w.streams[s]
	if st.handler == reading || st.handler == opening {
		st.broken = true
	}
	st.quit()
	for k := range w.count {
		if o := &w.streams[k]; o.handler == waiting && o.awaits == s {
			o.awaits = -1
		}
	}
	if st.joined {
		st.joined = false
		i := int(st.to)
		w.begin(i).InboundDown(now, int(st.from), streamID(s))
		w.end(i)
	}
}

// quit empties the server's side of a stream.
func (st *stream) quit() {
	st.handler, st.inHand, st.awaits, st.accepted, st.rank = returned, request{}, -1, false, 0
	clear(st.requests[:st.requestCount])
	st.requestCount = 0
}

func streamID(s int8) roster.StreamID { return roster.StreamID(s + 1) }
