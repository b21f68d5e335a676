package check_test

import "github.com/dkgsync/dkgsync/syncmod/internal/roster"

// event is something that can happen next.
type event struct {
	kind what
	a, b int8 // a stream or a node, and the number of skipped requests or another node
}

// what is the kind of an event.
type what uint8

const (
	readRequest what = iota // a handler reads
	readResponse
	retry
	refuse
	handlerReturns
	hangUp
	arrive
	giveUpTelling // a client of a failed ceremony has no stream to send the failure on
	openStream
	announce
	openCeremony
	stopTelling // the time to tell of an abort is over
	graceEnds   // a goodbye has gone unanswered for long enough
	finishGoodbyes
	closeCeremony
	heartbeat // the newest announcement again

	// These may happen or not:
	migrate
	leave

	// Faults:
	lose
	restart
	crash
	giveUp
	timeout
)

func (e event) fault() bool { return e.kind >= lose }

// expected reports whether the event happens if the network works and the nodes run.
func (e event) expected() bool { return e.kind < migrate }

// events appends to all the events that can happen next, those of streams first,
// and returns the result.
func (w *world) events(all []event) []event {
	for s := range int8(w.count) {
		all = w.streamEvents(all, s)
	}
	for i := range int8(w.size) {
		all = w.nodeEvents(all, i)
	}
	for i := range int8(w.size) {
		all = w.faultEvents(all, i)
	}
	if w.left.losses > 0 {
		for s := range int8(w.count) {
			if st := &w.streams[s]; !st.broken && (st.handler != returned || st.responseCount > 0) {
				all = append(all, event{lose, s, 0})
			}
		}
	}
	return all
}

func (w *world) streamEvents(all []event, s int8) []event {
	st := &w.streams[s]
	gone, server := w.clientGone(st), w.nodes[st.to].shut
	if st.handler == reading && server != dead {
		for k := range st.requestCount {
			if all = append(all, event{readRequest, s, k}); w.tidy {
				break
			}
		}
	}
	if !gone && st.responseCount > 0 {
		all = append(all, event{readResponse, s, 0})
	}
	if st.handler == waiting && st.awaits < 0 {
		all = append(all, event{retry, s, 0})
	}
	if w.mayRefuse(s) {
		all = append(all, event{refuse, s, 0})
	}
	if w.mayReturn(s) {
		all = append(all, event{handlerReturns, s, 0})
	}
	if w.mayHangUp(s) {
		all = append(all, event{hangUp, s, 0})
	}
	if st.handler == opening && st.requestCount > 0 && server != dead {
		all = append(all, event{arrive, s, 0})
	}
	if w.mayHeartbeat(s) && (!w.reduces(quietAnswers) || w.bringsNews(s)) {
		all = append(all, event{heartbeat, s, 0})
	}
	return all
}

func (w *world) nodeEvents(all []event, i int8) []event {
	n := &w.nodes[i]
	r := &n.state
	switch n.shut {
	case unborn, between:
		return append(all, event{openCeremony, i, 0})
	case left, dead:
		return all
	case open:
	}
	if r.Phase == roster.Failed && !n.told && w.hasTold(int(i)) {
		all = append(all, event{stopTelling, i, 0})
	}
	for j := range int8(w.size) {
		c := &n.clients[j]
		switch {
		case j == i:
		case w.wants(int(i), int(j)):
			all = append(all, event{openStream, i, j})
		case r.Phase == roster.Failed && !c.finished && (c.current < 0 || w.streams[c.current].handler == opening):
			all = append(all, event{giveUpTelling, i, j})
		}
		if w.mayMigrate(int(i), int(j)) {
			all = append(all, event{migrate, i, j})
		}
	}
	if r.Phase < roster.Complete && r.Last == 0 && r.Passed == r.Step {
		all = append(all, event{announce, i, 0})
	}
	if r.Phase < roster.Complete && succeeds(r) {
		if w.graceMayEnd(int(i)) {
			all = append(all, event{graceEnds, i, 0})
		}
		if !w.honest() || w.hurries {
			all = append(all, event{finishGoodbyes, i, 0})
		}
	}
	switch {
	case r.Phase == roster.Failed && n.told && w.attempts > n.attempt:
		all = append(all, event{closeCeremony, i, 0})
	case r.Phase == roster.Complete && w.leaves:
		all = append(all, event{leave, i, 0})
	}
	return all
}

func (w *world) faultEvents(all []event, i int8) []event {
	n := &w.nodes[i]
	r := &n.state
	if n.shut != open || r.Phase >= roster.Complete {
		return all
	}
	if w.left.restarts > 0 && w.restartAt.contains(r.Step) {
		all = append(all, event{restart, i, 0})
	}
	if w.left.crashes > 0 && w.crashAt.contains(r.Step) {
		all = append(all, event{crash, i, 0})
	}
	if w.left.aborts > 0 && w.abortAt.contains(r.Step) && (n.attempt == 0 || w.again) && !succeeds(r) {
		all = append(all, event{giveUp, i, 0})
	}
	if w.left.timeouts > 0 && r.Phase != roster.Connecting && !succeeds(r) && w.missesSomebody(int(i)) {
		all = append(all, event{timeout, i, 0})
	}
	return all
}

// hasTold reports whether a failed node has nobody left to tell, or need not wait
// for that because the configuration is impatient.
func (w *world) hasTold(i int) bool {
	if w.impatient {
		return true
	}
	for j := range w.size {
		if j != i && !w.nodes[i].clients[j].finished {
			return false
		}
	}
	for s := range w.count {
		if st := &w.streams[s]; int(st.to) == i && st.handler == refusing {
			return false
		}
	}
	return true
}

// graceMayEnd reports whether a node waits for nothing but answers to its goodbye
// from members that it cannot reach.
func (w *world) graceMayEnd(i int) bool {
	n := &w.nodes[i]
	some := false
	for j := range w.size {
		m := &n.members[j]
		if j == i || m.Answered {
			continue
		}
		if !m.Done || !w.impatient && m.Out.Up && w.isOpen(j) {
			return false
		}
		some = true
	}
	return some
}

// missesSomebody reports whether a stream to or from a member was up and is not up now.
func (w *world) missesSomebody(i int) bool {
	for j := range w.size {
		m := &w.nodes[i].members[j]
		if j != i && !m.Done && (m.In.Ever && !m.In.Up || m.Out.Ever && !m.Out.Up) {
			return true
		}
	}
	return false
}

// mayMigrate reports whether a stream has proved to work and nothing is outstanding on
// it.
func (w *world) mayMigrate(i, j int) bool {
	c := &w.nodes[i].clients[j]
	if w.left.migrations == 0 || j == i || !w.unsettled(i) || w.succeeds(i) || w.nodes[i].foreign {
		return false
	}
	if c.current < 0 || c.old >= 0 || c.finished || !w.nodes[i].members[j].Out.Up || !w.isOpen(j) {
		return false
	}
	st := &w.streams[c.current]
	return st.requestCount == 0 && st.responseCount == 0
}

// mayHeartbeat reports whether a client may send its announcement again: only on its
// current stream, and only if nothing is outstanding there.
func (w *world) mayHeartbeat(s int8) bool {
	st := &w.streams[s]
	c := &w.nodes[st.from].clients[st.to]
	idle := st.handler == reading && !st.broken && st.requestCount == 0 && st.responseCount == 0
	return idle && !w.clientGone(st) && c.current == s && !c.finished && !w.failed(int(st.from))
}
