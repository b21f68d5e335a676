package roster_test

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// observe carries out a roster's effects as a shell does, and checks that they
// agree with what the roster answers when it is asked.
func (p *process) observe() {
	t := p.world.t
	if sessions := p.roster.Sessions(); sessions != nil && !p.attempted {
		p.attempted = true
		p.roster.SetAttempt(p.world.now, attemptIn(sessions))
	}
	e := p.roster.Effects()
	releases := false
	for _, event := range e.Events {
		words := eventWords(p.index, p.world.now, event, p.roster.Failure())
		if event.Type != roster.MemberLost || !p.over() {
			p.world.log("  %s: %s", name(p.index), words)
		}
		if wrong := p.hear(event); wrong != "" {
			t.Fatalf("%v: %s, %s", p, words, wrong)
		}
		switch event.Type {
		case roster.AllConnected, roster.BarrierPassed, roster.Completed, roster.CeremonyFailed:
			releases = true
		}
	}
	if e.Released != releases || len(e.Events) > 0 && !e.Changed {
		t.Fatalf("%v: released %v, changed %v after %d events", p, e.Released, e.Changed, len(e.Events))
	}
	p.checkEvents()
	p.checkWaits(e.Released)
	p.checkDrawn()
	if f := p.roster.Failure(); f != nil && p.failure == nil {
		p.failure, p.first = f, *f
	}
	p.execute(e)
}

// execute carries out effects.
func (p *process) execute(e roster.Effects) {
	for _, words := range effectWords(p.index, p.world.now, e) {
		p.world.log("  %s", words)
	}
	if e.Announcement != nil {
		p.broadcast(*e.Announcement)
	}
	for _, j := range slices.Concat(e.Repeat, e.Ask) {
		p.repeatStep(j)
	}
	if e.EndStreams {
		p.endStreams()
	}
	r := p.roster
	want := roster.Announcement{Step: r.Step(), Goodbye: r.SayingGoodbye(), Failure: r.Failure()}
	if r.Last() > 0 {
		want.Attestation = p.world.results[p.index]
	}
	want.Until, want.Culprit, want.Reporter = p.announced.Until, p.announced.Culprit, p.announced.Reporter
	if f := want.Failure; f != nil && (f.Kind == roster.HostClosed || f.Kind == roster.Stopped && want.Step == 0) {
		want.Failure = nil // it leaves quietly
	}
	if p.announced != want {
		p.world.t.Fatalf("%v announces %+v; it has to be %+v", p, p.announced, want)
	}
}

// checkEvents checks that the events agree with what the roster says.
func (p *process) checkEvents() {
	for j := range p.inbound {
		m := p.roster.Member(j)
		if m.Inbound != p.inbound[j] || m.Outbound != p.outbound[j] {
			p.world.t.Fatalf("%v: %s is connected %v, %v; the events say %v, %v",
				p, name(j), m.Inbound, m.Outbound, p.inbound[j], p.outbound[j])
		}
	}
	if p.roster.Passed() != p.passed {
		p.world.t.Fatalf("%v has passed %d; the events say %d", p, p.roster.Passed(), p.passed)
	}
}

// checkWaits checks that a wait is only over if it was released.
func (p *process) checkWaits(released bool) {
	p.waits = slices.DeleteFunc(p.waits, func(b roster.Barrier) bool {
		reached := p.roster.Reached(b)
		if reached && !released {
			p.world.t.Fatalf("%v has reached a barrier (%s, step %d) and is not released", p, b.Kind, b.Step)
		}
		return reached
	})
}

// hear notes what an event says, and returns what is wrong with it.
func (p *process) hear(e roster.Event) (wrong string) {
	switch e.Type {
	case roster.MemberConnected, roster.MemberLost:
		direction := p.outbound
		if e.Inbound {
			direction = p.inbound
		}
		up := e.Type == roster.MemberConnected
		if direction[e.Member] == up {
			wrong = "which it was before"
		}
		direction[e.Member] = up
	case roster.AllConnected:
		p.connected++
	case roster.Arrived:
		if p.arrived[e.Member] >= e.Step || p.passed >= e.Step {
			wrong = "once more"
		}
		p.arrived[e.Member] = e.Step
	case roster.BarrierPassed:
		return p.hearPassed(e)
	case roster.Completed:
		p.complete++
	}
	return wrong
}

func (p *process) hearPassed(e roster.Event) (wrong string) {
	switch {
	case e.Barrier.Kind == roster.BarrierConnected && p.connected != 1:
		return fmt.Sprintf("(count: %d)", p.connected)
	case e.Barrier.Kind != roster.BarrierStep:
		return ""
	}
	for j := range p.arrived {
		if j != p.index && p.arrived[j] != e.Step {
			return "but " + name(j) + " has not arrived"
		}
	}
	if e.Step != p.passed+1 {
		return fmt.Sprintf("after barrier %d", p.passed)
	}
	p.passed = e.Step
	return ""
}

// checkDrawn checks that a fact had all its consequences at once: no consequence
// is left for a later fact.
func (p *process) checkDrawn() {
	if p.roster.Phase() >= roster.Complete || p.roster.SayingGoodbye() {
		return
	}
	again := p.roster.Clone()
	again.AwaitConnected(p.world.now)
	for _, e := range again.Effects().Events {
		if e.Type != roster.CeremonyFailed { // a failure is no omission: asking causes it, because a member has left
			p.world.t.Fatalf("%v has to be asked to notice: %s", p, eventWords(p.index, p.world.now, e, nil))
		}
	}
}

// check checks what must always hold.
func (w *world) check() {
	w.checkHeld()
	for _, p := range w.nodes {
		if p.hostile {
			continue
		}
		w.checkSafety(p)
		w.checkEnd(p)
		if p.failed() {
			w.checkBlame(p)
		}
	}
}

// checkHeld checks that a process leaves only one stream of each member
// unanswered, and no stream of a member that has a session.
func (w *world) checkHeld() {
	held := map[[2]int]int{}
	for _, s := range w.streams {
		if s.handler != holding || !s.server.alive() || s.inHand == nil {
			continue
		}
		pair := [2]int{s.from, s.server.index}
		held[pair]++
		if held[pair] > 1 || s.inHand.request.Session != 0 && s.server.session != 0 {
			w.t.Fatalf("%v holds %v", s.server, s)
		}
	}
}

// checkSafety checks that no node passes barrier k before every node has announced
// k, and that no node passes the last barrier while an honest node has a different
// result.
func (w *world) checkSafety(p *process) {
	for _, q := range w.nodes {
		if p.roster.SayingGoodbye() && !q.hostile && p.session != 0 && q.session != 0 && w.differ(p.index, q.index) {
			w.t.Fatalf("%v has passed the last barrier with another result than %v", p, q)
		}
		announced := p.claimed
		if !q.hostile {
			announced = q.roster.Step()
		}
		if announced < p.roster.Passed() {
			w.t.Fatalf("%v has passed barrier %d, %v has announced step %d", p, p.roster.Passed(), q, announced)
		}
	}
}

// checkEnd checks that the first cause of a failure wins and never changes, that a
// failed ceremony stays failed, and that no ceremony fails after its last barrier.
func (w *world) checkEnd(p *process) {
	phase := p.roster.Phase()
	if (p.failure != nil) != (phase == roster.Failed) {
		w.t.Fatalf("%v is in phase %d and its failure is %v", p, phase, p.failure)
	}
	if p.failure != nil && (p.roster.Failure() != p.failure || *p.failure != p.first) {
		w.t.Fatalf("%v failed because of %s; now it says %s",
			p, failureWords(&p.first), failureWords(p.roster.Failure()))
	}
	if p.roster.Last() > 0 && p.passed >= p.roster.Last() && phase == roster.Failed {
		w.t.Fatalf("%v failed after its last barrier: %s", p, failureWords(p.failure))
	}
	if p.complete > 1 || (p.complete == 1) != (phase == roster.Complete) {
		w.t.Fatalf("%v completed %d times and is in phase %d", p, p.complete, phase)
	}
}

// checkBlame checks that an honest node fails only because of a hostile member, and
// that the node blames that member or one that it has blamed.
func (w *world) checkBlame(p *process) {
	f := p.failure
	by := w.nodes[f.By]
	var right bool
	switch {
	case f.Kind == roster.ResultMismatch && by == p: // this node has noticed the difference itself
		right = f.Culprit == p.index && w.mayDiffer(p)
	case f.Kind == roster.ResultMismatch && by.hostile:
		right = f.Culprit == p.index && by.hasAborted(f.Text, -1)
	case f.Kind == roster.ResultMismatch: // passed on by an abort, or by an error that names no reporter
		right = f.Culprit == p.index && by.failure != nil && by.failure.Kind == f.Kind &&
			f.Text == reason(by.failure) && (f.Reporter < 0 || by.hasNamed(f, p.index))
	case by.hostile && f.Kind == roster.PeerAborted:
		right = by.hasAborted(f.Text, f.Culprit)
	case by.hostile && f.Kind == roster.AttemptMismatch:
		right = f.Culprit == by.index
	case f.Kind == roster.AttemptMismatch: // the hostile member has told the two nodes different sessions
		right = f.Culprit == by.index && !slices.Equal(p.roster.Sessions(), by.roster.Sessions())
	case by.hostile && f.Kind == roster.SelfRestarted:
		right = f.Culprit == p.index
	case by.hostile:
		right = f.Culprit == by.index
	case f.Kind == roster.PeerAborted: // passed on
		right = by.failure != nil && f.Text == reason(by.failure) && by.hasNamed(f, p.index)
	case f.Kind == roster.PeerRejected: // passed on by an error, which can name nobody
		right = by.failure != nil && f.Culprit == by.index && f.Text == reason(by.failure)
	}
	if !right {
		w.t.Fatalf("%v has failed: %s; that is no hostile member's doing", p, failureWords(f))
	}
}

// differ reports whether two nodes have different results.
func (w *world) differ(i, j int) bool {
	a, b := w.results[i], w.results[j]
	return (a == nil) != (b == nil) || a != nil && a.Result != b.Result
}

// mayDiffer reports whether a node can have heard of a result that differs from
// its own.
func (w *world) mayDiffer(p *process) bool {
	return slices.ContainsFunc(w.nodes, func(q *process) bool {
		return q.hostile || q.session != 0 && w.differ(p.index, q.index)
	})
}

// hasNamed reports whether an honest node has blamed the culprit of another node's
// failure. If a member is told of a failure that names this very member as the
// reporter, it takes the failure as one without a reporter, because it has reported
// nothing.
func (p *process) hasNamed(f *roster.Failure, to int) bool {
	culprit, reporter := p.announced.Culprit, p.announced.Reporter
	switch {
	case f.Kind == roster.ResultMismatch:
		culprit = to
	case culprit < 0:
		culprit = p.index
	}
	if reporter == to {
		reporter = -1
	}
	return f.Culprit == culprit && f.Reporter == reporter
}

// same reports whether two rosters are in the same state, apart from events.
func same(a, b *roster.Roster) bool {
	phase := a.Phase()
	return phase == b.Phase() && reflect.DeepEqual(a.WithoutFailure(phase), b.WithoutFailure(phase))
}
