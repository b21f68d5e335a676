package check_test

import "github.com/dkgsync/dkgsync/syncmod/internal/roster"

// openCeremony opens a node's ceremony, for the first time or for the next attempt.
// The ceremony then serves the streams that were held.
func (w *world) openCeremony(i int) {
	n := &w.nodes[i]
	if n.shut == between {
		n.process++
		n.attempt++
	}
	n.shut, n.upset = open, false
	w.boot(i)
	for s := range w.count {
		st := &w.streams[s]
		if int(st.to) != i || st.handler != holding {
			continue
		}
		if w.clientGone(st) || st.broken {
			st.handler, st.broken, st.inHand = ending, true, request{}
			continue
		}
		copy(st.requests[1:], st.requests[:st.requestCount])
		st.requests[0] = st.inHand
		st.requestCount++
		st.inHand, st.handler = request{}, reading
	}
}

// closeCeremony closes a node's ceremony in a process that lives on. It ends the
// streams that the ceremony serves. What its clients sent may still arrive.
func (w *world) closeCeremony(i int, why shut) {
	for s := range w.count {
		st := &w.streams[s]
		if int(st.from) == i {
			st.loseClient()
		}
		if int(st.to) == i && st.joined {
			st.broken, st.joined = true, false
			st.quit()
		}
	}
	w.silence(i)
	w.nodes[i].shut = why
}

// silence removes a node's clients, and the streams that its roster knows.
func (w *world) silence(i int) {
	n := &w.nodes[i]
	for j := range n.clients {
		n.clients[j] = client{current: -1, old: -1, finished: true}
	}
	for j := range w.size {
		m := &n.members[j]
		m.In.Stream, m.Out.Stream, m.Successor, m.Held = 0, 0, 0, 0
	}
}

// kill ends a node's process. What its clients sent may still arrive.
func (w *world) kill(i int) {
	for s := range w.count {
		st := &w.streams[s]
		if int(st.to) == i && st.handler != returned {
			st.broken, st.joined = true, false
			st.quit()
		}
		if int(st.from) == i {
			st.loseClient()
			if (w.nodes[i].foreign || w.tidy) && st.handler != returned {
				w.handlerReturns(int8(s)) // otherwise a late frame would look like a restart
			}
		}
	}
}

func (w *world) crash(i int) {
	w.left.crashes--
	w.past.crashed = int8(i)
	w.kill(i)
	w.silence(i)
	w.nodes[i].shut = dead
}

// restart ends a node's process and starts the next one.
func (w *world) restart(i int) {
	n := &w.nodes[i]
	w.left.restarts--
	w.past.restarted = int8(i)
	w.past.restartedAt = max(w.past.restartedAt, int8(n.state.Step))
	w.past.succeeded &^= 1 << i
	w.upset()
	for j := range w.size {
		if m := &w.nodes[j].members[i]; j != i && w.unsettled(j) && m.Session == w.session(i) && m.Step > 0 {
			w.past.heard = true
		}
	}
	w.kill(i)
	n.process++
	w.boot(i)
	n.upset = false
}

// upset notes, if faults may happen in every attempt, that each open
// attempt now has a reason to fail.
func (w *world) upset() {
	for i := range w.size {
		w.nodes[i].upset = w.again
	}
}

// note checks the properties that an event of a node's ceremony can
// violate.
func (w *world) note(i int, e *roster.Event) {
	switch e.Type {
	case roster.BarrierPassed:
		if e.Barrier.Kind == roster.BarrierStep {
			w.checkPassed(i, e.Step)
		}
	case roster.CeremonyFailed:
		w.nodes[i].served = 0
		for j := range w.size {
			c := &w.nodes[i].clients[j]
			if j == i || c.current < 0 {
				continue
			}
			if st := &w.streams[c.current]; !st.broken && st.accepted && st.handler == reading {
				w.nodes[i].served |= 1 << j
			}
		}
		w.checkMayFail(i)
	}
}
