package check_test

import (
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// longAfter is a time after which every wait is over.
const longAfter = time.Hour

// do makes an event happen.
func (w *world) do(e event) {
	w.wrong = ""
	a, b := int(e.a), int(e.b)
	w.tellEvent(e)
	switch e.kind {
	case readRequest:
		w.judge(e.a, w.streams[a].take(e.b))
	case readResponse:
		w.readResponse(e.a)
	case retry:
		st := &w.streams[a]
		q := st.inHand
		st.inHand, st.handler = request{}, reading
		w.judge(e.a, q)
	case refuse:
		w.refuse(e.a)
	case handlerReturns:
		w.handlerReturns(e.a)
	case hangUp:
		w.hangUp(e.a)
	case arrive:
		w.arrive(e.a)
	case heartbeat:
		st := &w.streams[a]
		w.push(e.a, w.line(int(st.from), int(st.to), e.a))
	case giveUpTelling:
		w.giveUpTelling(a, b)
	case openStream:
		s := w.openStream(a, b)
		w.nodes[a].clients[b].current = s
	case migrate:
		w.left.migrations--
		c := &w.nodes[a].clients[b]
		old := c.current
		s := w.openStream(a, b)
		c.current, c.old = s, old
	case announce, stopTelling, graceEnds, finishGoodbyes, giveUp, timeout:
		w.decide(e.kind, a)
	case openCeremony:
		w.openCeremony(a)
	case closeCeremony:
		w.closeCeremony(a, between)
	case leave:
		why := left
		if w.nodes[a].attempt < w.attempts {
			why = between
		}
		w.closeCeremony(a, why)
	case lose:
		w.left.losses--
		w.streams[a].broken = true
	case restart:
		w.restart(a)
	case crash:
		w.crash(a)
	}
	w.settle()
}

// decide passes a node's own fact on to its roster.
func (w *world) decide(k what, i int) {
	r := w.begin(i)
	switch k {
	case announce:
		step := r.Step() + 1
		announce := r.Announce
		if step == int64(w.last) {
			announce = r.AnnounceLast
			if err := r.Attest(w.attestationOf(i)); err != nil {
				w.violates("a result is refused: %v", err)
			}
		}
		if err := announce(now, step); err != nil {
			w.violates("a step is refused: %v", err)
		}
	case stopTelling, graceEnds:
		r.Tick(now.Add(longAfter))
	case timeout:
		w.left.timeouts--
		r.Tick(now.Add(longAfter))
	case finishGoodbyes:
		r.Finish(now)
	case giveUp:
		w.left.aborts--
		w.past.aborted, w.past.abortedAt = int8(i), int8(r.Step())
		w.past.abortedIn = w.nodes[i].process
		if w.again { // only the last abort is remembered
			w.past.excused |= 1 << i
		}
		w.upset()
		r.Fail(now, roster.Failure{Kind: roster.Aborted, Culprit: i, By: i, Reporter: -1})
	}
	w.end(i)
}

// giveUpTelling ends a client that has no stream to send a failure on. A stream that
// has not arrived may never have been opened.
func (w *world) giveUpTelling(i, j int) {
	c := &w.nodes[i].clients[j]
	if s := c.current; s >= 0 {
		w.handlerReturns(s)
		w.hangUp(s)
	}
	c.finished = true
}
