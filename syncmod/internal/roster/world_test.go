package roster_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// world is a cluster on a network that delays, drops, repeats and reorders.
// [world.possible] has everything that can happen next, and [world.check] checks
// what has happened after every event.
//
// Only the order within a stream is certain. A newer stream may be read before an
// older one. Either end may notice at any time that a stream is lost. What was in
// flight at that moment may arrive or not.
//
// The world assumes one thing, because nothing on the wire could show otherwise:
//   - A foreign node has no session. When it restarts, or when a node that it
//     talks to restarts, their old streams are gone before the new process
//     speaks. None of its frames is repeated on another stream. Its streams
//     arrive in the order in which it opened them, though they may be read in
//     another.
type world struct {
	t       reporter
	draw    *rapid.T // nil in a transcript, where nothing is left to chance
	now     time.Time
	members int
	last    int64                 // the last barrier of the ceremony
	results []*roster.Attestation // what each node attests there, in each of its processes

	nodes         []*process // the current process of each node; nil: its ceremony is not open
	runs          []int      // the number of processes that each node has had
	restarts      int
	streams       []*stream
	streamsOpened int
	history       []delivered // requests that were delivered
}

// reporter is where a world reports what happens.
type reporter interface {
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// delivered is a request, and the process to which it was delivered.
type delivered struct {
	sent
	to *process
}

// event is something that can happen next.
type event struct {
	weight int
	what   string
	where  any
	happen func()
}

func newWorld(t *rapid.T, last int64, foreign []bool, results []*roster.Attestation) *world {
	w := emptyWorld(t, len(foreign), last)
	w.draw, w.results = t, results
	for i := range w.nodes {
		w.start(i, foreign[i])
	}
	return w
}

// emptyWorld returns a world in which no node runs yet.
func emptyWorld(t reporter, members int, last int64) *world {
	return &world{
		t: t, now: start, members: members, last: last, nodes: make([]*process, members), runs: make([]int, members),
		results: make([]*roster.Attestation, members),
	}
}

// start starts a node's process.
func (w *world) start(i int, foreign bool) {
	session := uint64(0xa1 + 0x10*i + w.runs[i]) //nolint:gosec // small
	if foreign {
		session = 0
	}
	w.nodes[i] = newProcess(w, i, w.runs[i], session)
	w.runs[i]++
}

// restart kills a node's process and starts the next one.
func (w *world) restart(i int) {
	w.restarts++
	old := w.nodes[i]
	for _, s := range w.streams {
		if s.server == old && s.handler == holding {
			s.handler = returned
		}
		if s.server != old && s.client != old || s.server.session != 0 && s.client != nil && s.client.session != 0 {
			continue
		}
		w.lose(s)
	}
	w.start(i, old.session == 0)
}

// lose ends a stream at both ends at the same time.
func (w *world) lose(s *stream) {
	s.broken = true
	s.requests, s.responses = nil, nil
	if s.clientOpen && s.client.alive() && !s.client.hostile {
		s.client.hangUp(s)
	}
	if s.server.alive() && (s.handler == reading || s.handler == holding) {
		s.handlerReturns()
	}
}

// possible lists what can happen next.
func (w *world) possible() []event {
	var all []event
	can := func(weight int, what string, where any, happen func()) {
		all = append(all, event{weight, what, where, happen})
	}
	for _, s := range w.streams {
		w.possibleOn(s, can)
	}
	for i, p := range w.nodes {
		if p.hostile {
			p.possibleMischief(can)
			continue
		}
		if p.mayAnnounce() {
			can(6, "announce", p, p.announce)
		}
		if p.mayRestart() && !p.failed() && w.restarts < 3 {
			can(2, "restart", p, func() { w.restart(i) })
		}
		can(1, "await connected", p, p.awaitConnected)
		for j := range w.nodes {
			w.possibleFor(p, j, can)
		}
	}
	for k := range min(len(w.history), 4) { // a few of them, from any time
		old := w.history[len(w.history)*k/4]
		to := w.nodes[old.to.index]
		if !to.hostile && to.session != 0 && old.by.session != 0 && !old.by.hostile {
			can(1, "repeat", old.by, func() { w.repeat(old.sent, to) })
		}
	}
	can(1, "the network works for a while", "", w.behave)
	can(1, "a moment later", "", func() { w.later(50 * time.Millisecond) })
	can(1, "much later", "", func() { w.later(4 * time.Second) })
	return all
}

func (w *world) possibleOn(s *stream, can func(int, string, any, func())) {
	if s.mayDeliverRequest() {
		can(6, "deliver request", s, s.deliverRequest)
	}
	if s.mayDeliverResponse() {
		can(6, "deliver response", s, s.deliverResponse)
	}
	if s.mayRetry() {
		can(4, "bring the waiting request again", s, s.retry)
	}
	if s.mayRefuse() {
		can(3, "refuse", s, s.refuse)
	}
	if s.mayReturn() {
		can(3, "handler returns", s, s.handlerReturns)
	}
	if s.mayHangUp() {
		can(2, "client gives up", s, func() { s.client.hangUp(s) })
	}
	if !s.broken {
		can(1, "drop", s, func() { s.broken = true })
	}
}

func (w *world) possibleFor(p *process, j int, can func(int, string, any, func())) {
	s := p.clients[j].stream
	switch {
	case s == nil && p.wants(j):
		can(6, "open", p.String()+" to "+name(j), func() { p.open(j) })
	case s == nil:
	case len(s.outstanding) < 3 && !slices.ContainsFunc(s.outstanding, question.last):
		can(2, "heartbeat", s, func() { p.write(s) })
	}
	if p.mayMigrate(j) {
		can(3, "migrate", s, func() { p.migrate(j) })
	}
}

// step makes one of the possible things happen, and checks the consequences.
func (w *world) step() {
	w.now = w.now.Add(time.Millisecond)
	all := w.possible()
	total := 0
	for _, e := range all {
		total += e.weight
	}
	pick := rapid.IntRange(0, total-1).Draw(w.draw, "next")
	for _, e := range all {
		if pick -= e.weight; pick < 0 {
			w.log("%s: %v", e.what, e.where)
			e.happen()
			break
		}
	}
	w.check()
	w.sweep()
}

// later lets time pass.
func (w *world) later(d time.Duration) {
	w.now = w.now.Add(d)
	for _, p := range w.nodes {
		if p != nil && !p.hostile {
			p.roster.Tick(w.now)
			p.observe()
		}
	}
}

func (w *world) log(format string, args ...any) { w.t.Logf(format, args...) }

func (w *world) note(s *stream, r sent, v roster.Verdict) {
	words := requestWords(r.request)
	if r.by.hostile {
		words += fmt.Sprintf(" in session %#x", r.request.Session)
	}
	w.log("%v to %v, stream %d: %s: %s", r.by, s.server, s.id, words, verdictWords(w.now, v))
}

// behave makes the network work for a while, and schedules the nodes fairly:
// everything is delivered and noticed, streams are opened again, and every node
// announces when it may.
func (w *world) behave() {
	w.later(200 * time.Millisecond)
	for rounds, busy := 0, true; busy; rounds++ {
		if rounds > 1000 {
			w.t.Fatalf("the network never comes to rest")
		}
		busy = false
		for _, s := range slices.Clone(w.streams) {
			busy = w.proceed(s) || busy
			w.check()
		}
		w.sweep()
	}
	for _, p := range w.nodes {
		if p.mayAnnounce() {
			p.announce()
		}
		for j := range p.clients {
			s := p.clients[j].stream
			switch {
			case s == nil && p.wants(j):
				p.open(j)
			case s != nil && len(s.outstanding) == 0:
				p.write(s)
			}
		}
	}
	w.check()
}

// proceed makes one thing happen to a stream that works, or to a lost stream whose
// loss at least one end has not noticed yet.
func (w *world) proceed(s *stream) bool {
	switch {
	case s.mayDeliverRequest():
		s.deliverRequest()
	case s.mayDeliverResponse():
		s.deliverResponse()
	case s.mayRetry():
		s.retry()
	case s.mayRefuse():
		s.refuse()
	case s.mayReturn():
		s.handlerReturns()
	case s.mayHangUp():
		s.client.hangUp(s)
	default:
		return false
	}
	return true
}
