package statuspage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Kind is the kind of a headline. A display may have a colour and a word for each.
type Kind string

// The kinds of headline.
const (
	KindWaiting  Kind = "waiting"  // this node waits for other members
	KindWorking  Kind = "working"  // this node is working, and nobody waits for it
	KindOurTurn  Kind = "our_turn" // the others wait for this node
	KindFinished Kind = "finished" // this node has finished, and goodbyes are missing
	KindComplete Kind = "complete" // the ceremony is complete, and no goodbye is missing
	KindFailed   Kind = "failed"   // the ceremony has failed

	KindRehearsal Kind = "rehearsal" // the ceremony is a rehearsal: this node only looks
)

// headline says in one line how a ceremony stands. It contains no times, because screen readers
// read it aloud whenever it changes.
func (v view) headline() (Kind, string) {
	w := v.wait
	switch {
	case v.status.Observes:
		return KindRehearsal, v.rehearsalHeadline(w)
	case v.status.Phase == syncmod.Failed && v.status.Retried:
		return KindFailed, "This attempt has failed: " + v.failure() + ". Another one follows"
	case v.status.Phase == syncmod.Failed:
		return KindFailed, "The ceremony has failed: " + v.failure()
	case v.status.Phase == syncmod.Complete && w != nil:
		missing := list(possessive(v.whoms(w))) +
			plural(len(w.Missing), " goodbye is missing", " goodbyes are missing")
		return KindFinished, "Finished here. Keep this node running: " + missing
	case v.status.Phase == syncmod.Complete:
		return KindComplete, "The ceremony is complete"
	case w == nil && v.status.Step == 0:
		return KindOurTurn, "Everyone is connected, but this node has not begun step 1"
	case w == nil:
		if ahead := v.ahead(); len(ahead) > 0 {
			return KindOurTurn, fmt.Sprintf("%s %s waiting for this node, which is working on %s",
				list(ahead), plural(len(ahead), "is", "are"), v.step())
		}
		return KindWorking, "This node is working on " + v.step()
	case w.Barrier == "shutdown":
		return KindFinished, "Finished here. Waiting for " + list(possessive(v.whoms(w))) + " goodbye"
	}
	return KindWaiting, v.waits(w)
}

// waits says in one line whom this node waits for, what they must do, and the reason if it is
// known.
func (v view) waits(w *syncmod.WaitError) string {
	if elsewhere := v.elsewhere(w); len(elsewhere) > 0 && len(elsewhere) == len(w.Missing) {
		return "Waiting for " + list(elsewhere) + ", who" + plural(len(elsewhere), " uses", " use") +
			" a different definition"
	}
	doing := " to connect"
	if w.Barrier == "step" {
		doing = " to " + v.doing(w.Step-1)
	}
	text := "Waiting for " + v.whom(w)
	if links := v.explaining(w); len(links) > 0 && w.Barrier == "step" {
		why := v.between(links[0])
		if they, ok := strings.CutPrefix(why, v.whom(w)+" "); ok {
			return text + ", who " + they
		}
		return text + ": " + why
	}
	return text + doing
}

// doing returns what a member must do next. step is the last step whose barrier it
// has passed, and at most 0 if it has passed none.
func (v view) doing(step int64) string {
	if step <= 0 {
		return "begin " + v.stepOf(1)
	}
	return "finish " + v.stepOf(step)
}

// explaining returns the broken pairs of other members that explain a wait.
func (v view) explaining(w *syncmod.WaitError) (links []syncmod.BrokenLink) {
	for _, b := range v.status.Broken {
		if b.A != v.self && b.B != v.self && slices.ContainsFunc(w.Missing, func(p syncmod.PeerStatus) bool {
			return p.Index == b.A || p.Index == b.B
		}) {
			links = append(links, b)
		}
	}
	return links
}

// between says what is wrong between two members: which of them cannot reach the other.
func (v view) between(b syncmod.BrokenLink) string {
	text, one, other := b.Describe(v.names, v.now), v.names[b.A], v.names[b.B]
	switch {
	case strings.HasPrefix(text, one+" reaches "+other+", but "):
		return other + " cannot reach " + one
	case strings.HasPrefix(text, other+" reaches "+one+", but "):
		return one + " cannot reach " + other
	}
	return one + " and " + other + " cannot reach each other"
}

// cutOff says which members a member cannot reach or, if there are none, which members
// cannot reach it. It is empty if the member is in no broken pair with a member other than
// this node.
func (v view) cutOff(member int) string {
	var to, from []string
	for _, b := range v.status.Broken {
		if b.A == v.self || b.B == v.self || b.A != member && b.B != member {
			continue
		}
		partner := b.A + b.B - member
		if v.between(b) == v.names[partner]+" cannot reach "+v.names[member] {
			from = append(from, v.names[partner])
		} else {
			to = append(to, v.names[partner])
		}
	}
	switch {
	case len(to) > 0:
		return "cannot reach " + list(to)
	case len(from) > 0:
		return "not reached by " + list(from)
	}
	return ""
}

// elsewhere returns the names of missing members that have another definition open.
func (v view) elsewhere(w *syncmod.WaitError) (names []string) {
	for _, p := range w.Missing {
		if strings.HasPrefix(p.Waiting, anotherOpen) {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// isApart reports whether a member is in a broken pair with a member other than this node.
func (v view) isApart(member int) bool {
	return slices.ContainsFunc(v.status.Broken, func(b syncmod.BrokenLink) bool {
		return b.A != v.self && b.B != v.self && (b.A == member || b.B == member)
	})
}

// step returns the current step, as in "step 2 of 5 (deal)".
func (v view) step() string { return v.stepOf(v.status.Step) }

func (v view) stepOf(step int64) string {
	text := fmt.Sprintf("step %d", step)
	if n := len(v.status.Steps); n > 0 && step <= int64(n) {
		text += fmt.Sprintf(" of %d", n)
	}
	return text + inBrackets(v.nameOf(step))
}

// ahead returns the names of the members that have finished the step on which this node works.
func (v view) ahead() (names []string) {
	for _, p := range v.status.Peers {
		if p.Step > v.status.Step {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}
