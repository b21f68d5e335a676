package check_test

import (
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// line returns what node i now says to node j on a stream, if node i has not
// failed.
func (w *world) line(i, j int, s int8) request {
	state := &w.nodes[i].state
	q := request{step: int8(state.Step), to: -1, reporter: -1}
	if !w.foreignPair(i, j) {
		q.to = processOf(state.Members[j].Session)
		if w.byStream {
			q.to = w.streams[s].answered
		}
		q.attempt = w.attemptOf(i)
	}
	if succeeds(state) {
		q.kind = goodbye
	}
	return q
}

// execute acts on effects, as a shell does.
func (w *world) execute(i int, e *roster.Effects) {
	n := &w.nodes[i]
	for k := range e.Events {
		w.note(i, &e.Events[k])
	}
	if e.Announcement != nil {
		w.announce(i, e.Announcement)
	}
	for _, j := range e.Repeat {
		w.repeat(i, j)
	}
	for _, j := range e.Ask {
		w.ask(i, j)
	}
	if e.EndStreams {
		n.told = true
		w.endStreams(i)
	}
}

// announce sends an announcement on every stream. When the announcement is a
// failure, a client without a stream is finished.
func (w *world) announce(i int, a *roster.Announcement) {
	n := &w.nodes[i]
	n.said[n.process] = max(n.said[n.process], int8(a.Step))
	for j := range w.size {
		c := &n.clients[j]
		switch {
		case j == i || c.finished:
		case c.current >= 0:
			q := w.line(i, j, c.current)
			if f := a.Failure; f != nil {
				q.kind, q.culprit, q.reporter, q.about = abort, int8(a.Culprit), int8(a.Reporter), causeOf(f)
				if f.Kind == roster.ResultMismatch {
					q.kind = differ
				}
			}
			w.push(c.current, q)
		case a.Failure != nil:
			c.finished = true
		}
	}
}

// repeat sends the announcement to one member again.
func (w *world) repeat(i, j int) {
	if c := &w.nodes[i].clients[j]; !c.finished && c.current >= 0 {
		w.push(c.current, w.line(i, j, c.current))
	}
}

// ask sends the announcement to one member again. With quietAnswers, it sends
// nothing if a request or an answer is on its way, because that request or answer
// has the same effect.
func (w *world) ask(i, j int) {
	c := &w.nodes[i].clients[j]
	if c.current < 0 {
		return
	}
	if st := &w.streams[c.current]; !w.reduces(quietAnswers) || st.requestCount == 0 && st.responseCount == 0 {
		w.repeat(i, j)
	}
}

// openStream opens a stream and sends the announcement on it.
func (w *world) openStream(i, j int) int8 {
	if w.count == maxStreams {
		panic("too many streams")
	}
	s := int8(w.count)
	w.count++
	w.opened++
	st := &w.streams[s]
	*st = stream{
		from: int8(i), to: int8(j), process: w.nodes[i].process, id: w.opened, clientOn: true, answered: -1, awaits: -1,
	}
	for k := range s {
		if o := &w.streams[k]; o.from == st.from && o.to == st.to && o.handler == opening && w.foreignPair(i, j) {
			st.rank = max(st.rank, o.rank+1)
		}
	}
	w.tell("open-stream from=%s to=%s", name(i), name(j))
	w.begin(i).OutboundOpened(j, streamID(s), false)
	w.end(i)
	w.push(s, w.line(i, j, s))
	return s
}

// readResponse passes an answer on to the client.
func (w *world) readResponse(s int8) {
	st := &w.streams[s]
	a := st.responses[0]
	copy(st.responses[:], st.responses[1:st.responseCount])
	st.responseCount--
	st.responses[st.responseCount] = response{}
	i, j := int(st.from), int(st.to)
	c := &w.nodes[i].clients[j]

	answer := roster.Response{
		Goodbye: a.asked == goodbye, Abort: a.asked.aborts(), Refused: a.refused, Differ: a.differ,
	}
	if a.by >= 0 {
		answer.Session = w.sessionOf(j, a.by)
	}
	if a.refused {
		answer.Error = texts[a.about]
	}
	if a.waiting {
		answer.Waiting = true
	}
	reply := w.begin(i).Response(now, j, streamID(s), answer)
	switch reply { // before the effects: a member that has refused this node is not told of an abort
	case roster.GoodbyeAnswered, roster.AbortAnswered, roster.Refused:
		c.finished = c.finished || c.current == s
	}
	w.noteAnswer(s, a)
	w.end(i)
	switch {
	case s != c.current || reply != roster.Continue:
		if st.clientOn {
			w.hangUp(s)
		}
	case c.old >= 0:
		w.hangUp(c.old)
	}
}

// noteAnswer remembers who answered on a stream.
func (w *world) noteAnswer(s int8, a response) {
	st := &w.streams[s]
	r := w.bench.rosters[st.from]
	if w.byStream && a.by >= 0 && r.Failure() == nil && processOf(r.Member(int(st.to)).Session) == a.by {
		st.answered = a.by
	}
}

// mayHangUp reports whether the client has a reason to give up a stream.
func (w *world) mayHangUp(s int8) bool {
	st := &w.streams[s]
	return !w.clientGone(st) && (st.broken || st.handler == returned && st.responseCount == 0)
}

// hangUp ends the client's side of a stream, and of the stream that the client was
// moving away from.
func (w *world) hangUp(s int8) {
	st := &w.streams[s]
	i, j := int(st.from), int(st.to)
	c := &w.nodes[i].clients[j]
	st.loseClient()
	switch s {
	case c.old:
		c.old = -1
	case c.current:
		c.current = -1
		if c.old >= 0 {
			w.hangUp(c.old)
		}
		if w.failed(i) {
			c.finished = true
		}
	}
	w.begin(i).OutboundDown(now, j, streamID(s), nil)
	w.end(i)
}

// loseClient empties the client's side of a stream.
func (st *stream) loseClient() {
	st.clientOn, st.answered = false, -1
	clear(st.responses[:st.responseCount])
	st.responseCount = 0
}

// wants reports whether a client lacks a stream.
func (w *world) wants(i, j int) bool {
	c := &w.nodes[i].clients[j]
	return j != i && w.isOpen(i) && c.current < 0 && !c.finished && !w.failed(i) && w.nodes[j].shut != dead
}

// endStreams ends all streams of a node's ceremony. Its clients end immediately.
func (w *world) endStreams(i int) {
	for j := range w.size {
		c := &w.nodes[i].clients[j]
		if j == i {
			continue
		}
		if c.current >= 0 {
			w.hangUp(c.current)
		}
		c.finished = true
	}
	for s := range w.count {
		if st := &w.streams[s]; int(st.to) == i && st.joined && st.alive() {
			w.endHandler(int8(s))
		}
	}
}
