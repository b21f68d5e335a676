package check_test

import "github.com/dkgsync/dkgsync/syncmod/internal/roster"

// settle brings a world to its normal form after an event. It does what the reductions
// do immediately, and forgets what nothing depends on.
func (w *world) settle() {
	for w.promptly() {
	}
	w.sweep()
	w.openEagerly()
	if w.tidy {
		w.arriveEagerly()
	}
	for i := range w.size {
		w.forget(i)
	}
	w.rankStreams()
}

// promptly makes one thing happen that need not wait. It returns false if there is no
// such thing.
func (w *world) promptly() bool {
	for s := range int8(w.count) {
		if w.reduces(promptHandlers) && w.returnsUnnoticed(s) {
			w.tell("return stream=%d", w.streams[s].id)
			w.handlerReturns(s)
			return true
		}
		if w.reduces(promptFailures) && (w.clientOfFailed(s) || w.serverOfFailed(s)) {
			return true
		}
	}
	return false
}

// returnsUnnoticed reports whether a handler is about to return, and nobody waits
// for its return.
func (w *world) returnsUnnoticed(s int8) bool {
	st := &w.streams[s]
	if st.handler != ending && (st.handler != reading || st.requestCount > 0 || !st.broken && !w.clientGone(st)) {
		return false
	}
	m := &w.nodes[st.to].members[st.from]
	if st.joined && !w.failed(int(st.to)) && (m.In.Stream == streamID(s) || m.Successor == streamID(s)) {
		return false
	}
	for k := range w.count {
		if w.streams[k].handler == waiting && w.streams[k].awaits == s {
			return false
		}
	}
	return true
}

// clientOfFailed makes the client of a failed node act on a stream.
func (w *world) clientOfFailed(s int8) bool {
	st := &w.streams[s]
	if w.clientGone(st) || !w.failed(int(st.from)) {
		return false
	}
	switch {
	case st.responseCount > 0 && (st.responses[0].refused || st.responses[0].asked.aborts()):
		w.tellResponse(s)
		w.readResponse(s)
	case st.broken || st.handler == returned && st.responseCount == 0:
		w.tell("hang-up stream=%d", st.id)
		w.hangUp(s)
	default:
		return false
	}
	return true
}

// serverOfFailed makes the handler of a failed node act on a stream.
func (w *world) serverOfFailed(s int8) bool {
	st := &w.streams[s]
	i := int(st.to)
	if !w.failed(i) || !w.isOpen(i) {
		return false
	}
	gone := w.clientGone(st)
	switch {
	case st.handler == refusing && w.mayRefuse(s) && !w.impatient:
		w.tell("refuse stream=%d", st.id)
		w.refuse(s)
	case st.handler == reading && st.requestCount > 0:
		w.tellRequest(s, 0)
		w.judge(s, st.take(0))
	// A failed client may or may not have opened the stream: both must be explored.
	case st.handler != opening || w.failed(int(st.from)) && !gone:
		return false
	case st.broken || gone:
		w.tell("return stream=%d", st.id)
		w.handlerReturns(s)
	case st.requestCount > 0:
		w.tell("arrive stream=%d", st.id)
		w.arrive(s)
	default:
		return false
	}
	return true
}

// openEagerly opens the streams that clients lack. Nothing distinguishes these
// streams from those that are opened later, and on which the first requests are
// skipped.
func (w *world) openEagerly() {
	if !w.reduces(eagerOpening) || (w.past.restarted >= 0 || w.past.crashed >= 0) && !w.tidy {
		return
	}
	for i := range w.size {
		if n := &w.nodes[i]; n.attempt > 0 || n.shut != open {
			return
		}
	}
	for i := range w.size {
		for j := range w.size {
			if w.wants(i, j) {
				s := w.openStream(i, j)
				w.nodes[i].clients[j].current = s
			}
		}
	}
	if w.left == (faults{}) && w.past.aborted < 0 {
		w.arriveEagerly()
	}
}

// arriveEagerly makes those streams arrive that are the only ones from their node
// to the other.
func (w *world) arriveEagerly() {
	for s := range int8(w.count) {
		st := &w.streams[s]
		if st.handler != opening || st.broken || !st.clientOn {
			continue
		}
		alone := true
		for k := range int8(w.count) {
			o := &w.streams[k]
			alone = alone && (k == s || o.from != st.from || o.to != st.to || o.handler == returned)
		}
		if alone {
			w.tell("arrive stream=%d", st.id)
			w.arrive(s)
		}
	}
}

// isQuiet reports whether an answer changes nothing when it is read. Either the same
// answer is read right before this one, or this one would change nothing in the
// present state of the roster, and no other answer comes on this stream before it.
func (w *world) isQuiet(s int8, a response) bool {
	st := &w.streams[s]
	if a.asked != plain || a.refused {
		return false
	}
	i, j := int(st.from), int(st.to)
	if w.failed(i) {
		return true // the client ignores it
	}
	if st.responseCount > 0 {
		return st.responses[st.responseCount-1] == a
	}
	c := &w.nodes[i].clients[j]
	if c.current != s || c.old >= 0 || w.byStream && a.by >= 0 && a.by != st.answered {
		return false
	}
	answer := roster.Response{}
	if a.by >= 0 {
		answer.Session = w.sessionOf(j, a.by)
	}
	if a.waiting {
		answer.Waiting = true
	}
	return w.changesNothing(i, func(r *roster.Roster) bool {
		return r.Response(now, j, streamID(s), answer) == roster.Continue
	})
}

// bringsNews reports whether a heartbeat or its answer changes anything.
func (w *world) bringsNews(s int8) bool {
	st := &w.streams[s]
	i, j := int(st.to), int(st.from)
	answer := response{by: -1, waiting: true}
	if w.isOpen(i) {
		q := w.fact(st, w.line(j, i, s))
		var v roster.Verdict
		plain := w.changesNothing(i, func(r *roster.Roster) bool {
			v = r.Request(now, j, streamID(s), q)
			return v.Action == roster.Greet || v.Action == roster.Accept
		})
		if !plain {
			return true
		}
		answer = response{by: w.nodes[i].process, waiting: v.Waiting != nil || v.Over}
	}
	if w.foreignPair(i, j) {
		answer.by, answer.waiting = -1, false
	}
	return !w.isQuiet(s, answer)
}

// changesNothing reports whether a fact changes nothing, apart from what it returns.
func (w *world) changesNothing(i int, fact func(*roster.Roster) bool) bool {
	before := w.nodes[i].state
	members := w.nodes[i].members
	r := w.begin(i)
	ok := fact(r)
	e := r.Effects()
	if !ok || e.Announcement != nil || e.EndStreams || len(e.Repeat)+len(e.Ask) > 0 {
		return false
	}
	var after node
	after.state.Members = after.members[:w.size]
	r.State(&after.state)
	w.forgetState(i, &after.state)
	for j := range w.size {
		after.members[j].Opened = members[j].Opened // a new stream does not count until it is the current one
	}
	return sameState(&after.state, &before) && after.members == members
}

func sameState(a, b *roster.State) bool {
	return a.Phase == b.Phase && a.Step == b.Step && a.Passed == b.Passed && a.Failure == b.Failure
}
