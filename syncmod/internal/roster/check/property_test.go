package check_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// violates notes that a property does not hold. The first violation counts.
func (w *world) violates(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

// checkPassed checks four properties. Nobody passes a barrier before every member
// has announced it in the process that this node knows. Nobody passes the last
// barrier with a different result than a member's. No two attempts succeed with the
// same process of a member. Nobody completes an attempt with a member that aborted
// it.
func (w *world) checkPassed(i int, step int64) {
	for j := range w.size {
		if j == i {
			continue
		}
		if step == int64(w.last) && w.attestationOf(i) != w.attestationOf(j) && !w.foreignPair(i, j) {
			w.violates("the last barrier is passed with another result than a member's")
		}
		process := processOf(w.bench.rosters[i].Member(j).Session)
		said := slices.Max(w.nodes[j].said[:])
		if !w.foreignPair(i, j) {
			if process < 0 {
				w.violates("a barrier is passed with a member that has never answered")
				return
			}
			said = w.nodes[j].said[process]
		}
		if int64(said) < step {
			w.violates("a barrier is passed that a member has not announced")
		}
		known := process == w.past.abortedIn || w.foreignPair(i, j) && w.attempts == 0
		if step == int64(w.last) && w.leaves && !w.foreignPair(i, j) {
			if w.nodes[i].partner[j] == process+1 {
				w.violates("two attempts succeed with the same process of a member")
			}
			w.nodes[i].partner[j] = process + 1
		}
		if step == int64(w.last) && j == int(w.past.aborted) && w.past.abortedAt < w.last && known {
			w.violates("the last barrier is passed with a member that has aborted")
		}
	}
	if step == int64(w.last) {
		w.past.succeeded |= 1 << i
	}
}

// checkMayFail checks that a node has a reason to fail, and that it names the right
// member.
func (w *world) checkMayFail(i int) {
	f := w.bench.rosters[i].Failure()
	p := &w.past
	switch f.Kind {
	case roster.AttemptMismatch: // one of the members restarted, and nobody can say which
		p.excused |= 1<<f.Culprit | 1<<i
	case roster.PeerRejected: // an error names no culprit, so the member that passes it on counts as the culprit
		p.excused |= 1 << i
	}
	switch {
	case w.differ != 0 && f.Kind == roster.ResultMismatch:
	case p.aborted < 0 && w.timeouts == 0 && p.restarted < 0:
		w.violates("an honest cluster fails: %v", f.Kind)
	case p.aborted < 0 && w.timeouts == 0 && p.restartedAt == 0:
		w.violates("a restart at step 0 fails a ceremony: %v", f.Kind)
	case w.nodes[i].attempt > 0 && w.size == 2 && !w.nodes[i].upset:
		// of three nodes, one may still be in the previous attempt, and make the
		// new attempt fail
		w.violates("the previous attempt makes the next one fail: %v", f.Kind)
	case p.succeeded&^(1<<i) != 0 && !w.disturbedAtLast():
		w.violates("a node fails after another has passed the last barrier: %v", f.Kind)
	case p.excused.has(f.Culprit) || p.excused.has(int(causeOf(f))):
	case !w.isGuilty(f.Culprit) && !w.isGuilty(int(causeOf(f))):
		w.violates("the wrong member is blamed: %v%s", f.Kind, w.relation(i, f))
	case !w.isGuilty(f.Culprit) && f.Kind == roster.PeerAborted && f.Culprit != f.By:
		w.violates("the messenger is blamed: %v%s", f.Kind, w.relation(i, f))
	}
}

// disturbedAtLast reports whether an abort or a restart at the last barrier, or a
// timeout, may have reached some nodes before they passed it.
func (w *world) disturbedAtLast() bool {
	p := &w.past
	return p.aborted >= 0 && p.abortedAt == w.last || p.restarted >= 0 && p.restartedAt == w.last || w.timeouts > 0
}

// isGuilty reports whether a member may be blamed: it aborted, or it began again in
// another process or attempt.
func (w *world) isGuilty(i int) bool {
	return w.timeouts > 0 || i == int(w.past.aborted) || i >= 0 && w.nodes[i].process > 0
}

func (w *world) relation(i int, f *roster.Failure) string {
	switch {
	case i == int(w.past.restarted):
		return ", by the one that has restarted"
	case i == int(w.past.aborted):
		return ", by the one that has aborted"
	case f.Culprit == i:
		return ", by itself"
	}
	return ", by a bystander"
}

// checkBounds checks that only a few of a member's streams are served, whatever it
// does.
func (w *world) checkBounds() {
	for i := range w.size {
		for j := range w.size {
			if i == j {
				continue
			}
			served, held := 0, 0
			for s := range w.count {
				st := &w.streams[s]
				if int(st.to) == i && int(st.from) == j && st.alive() {
					if st.handler == holding {
						held++
					} else {
						served++
					}
				}
			}
			if served > 2 || held > 1 {
				w.violates("%d streams of a member are served and %d held", served, held)
			}
		}
	}
}

// checkServed checks that a stream that is served is the current one, and that its
// member is connected.
func (w *world) checkServed() {
	for s := range w.count {
		st := &w.streams[s]
		n := &w.nodes[st.to]
		if st.handler != reading || !st.accepted || !st.joined || w.failed(int(st.to)) {
			continue
		}
		if m := &n.members[st.from]; m.Known && (m.In.Stream != streamID(int8(s)) || !m.In.Up) {
			w.violates("a stream that is served is not the current one")
		}
	}
}

// checkEarly checks that the next step cannot be announced before the barrier is
// passed.
func (w *world) checkEarly() {
	for i := range w.size {
		r := &w.nodes[i].state
		if r.Phase < roster.Complete && r.Passed < r.Step && w.isOpen(i) && w.begin(i).Announce(now, r.Step+1) == nil {
			w.violates("a step may be announced before the barrier is passed")
		}
	}
}

// ending returns how everything ended, and what is wrong with that.
func (w *world) ending() (outcome, wrong string) {
	var complete, failed, gone, waits []int
	for i := range w.size {
		switch n := &w.nodes[i]; {
		case n.shut == dead:
			gone = append(gone, i)
		case n.state.Phase == roster.Complete:
			complete = append(complete, i)
		case n.state.Phase == roster.Failed:
			failed = append(failed, i)
		default:
			waits = append(waits, i)
		}
	}
	outcome = fmt.Sprintf("%d complete, %d failed, %d waiting", len(complete), len(failed), len(waits))
	if len(gone) > 0 {
		outcome += ", 1 dead"
	}
	p := &w.past
	for _, i := range waits {
		if wrong = w.waitsInVain(i); wrong != "" {
			return outcome, wrong
		}
	}
	atLast := w.disturbedAtLast() || p.crashed >= 0
	switch {
	case w.attempts > 0 && !w.leaves && len(gone) == 0 && len(complete) < w.size && p.succeeded == 0:
		return outcome, "the next attempt does not complete"
	case len(complete) > 0 && len(failed) > 0 && !atLast:
		return outcome, "some complete and some fail"
	case len(complete) > 0 && len(waits) > 0 && !atLast && !w.leaves: // a node that has left need not begin again
		return outcome, "some complete and some wait"
	case p.heard && w.restarts == 1 && w.attempts == 0 && w.nodes[p.restarted].state.Phase == roster.Complete:
		return outcome, "the restarted one completes, though others had heard it above step 0"
	}
	return outcome, ""
}

// waitsInVain returns what is wrong with a node that waits at the end. Such a node
// must be waiting for a member that is gone or is not in the same attempt.
func (w *world) waitsInVain(i int) string {
	r := w.begin(i)
	b, waits := r.Waiting()
	if !waits {
		return "a node is at its end, and neither complete nor failed nor waiting"
	}
	missing := r.Missing(now, b)
	for _, j := range missing {
		n, m := &w.nodes[j], &w.nodes[i].members[j]
		switch {
		case n.shut == dead || n.shut == unborn || n.shut == left || n.state.Phase == roster.Complete:
			return ""
		case !w.failed(j) && n.shut == open:
			continue
		case w.foreignPair(i, j):
			return ""
		case m.Session == w.session(j) && n.members[i].Session == w.session(i) && m.Known:
			return "a node waits for a member of its attempt that has failed"
		default:
			return ""
		}
	}
	if len(missing) == 0 {
		return "a node waits for nobody"
	}
	if w.waitForEachOther(i, missing) {
		return ""
	}
	return "a node waits for members that wait as well: " + strings.Repeat("x", len(missing))
}

// waitForEachOther reports whether one of the members that a node waits for is
// itself waiting for a third member that is gone or has failed.
func (w *world) waitForEachOther(i int, missing []int) bool {
	for _, j := range missing {
		r := w.begin(j)
		b, waits := r.Waiting()
		if !waits {
			continue
		}
		for _, k := range r.Missing(now, b) {
			if n := &w.nodes[k]; k != i && (w.failed(k) || n.shut != open) {
				return true
			}
		}
	}
	return false
}
