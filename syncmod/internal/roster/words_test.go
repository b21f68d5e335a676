package roster_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

var (
	// start is when every story starts.
	start = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

	errLost = errors.New("stream lost")

	names = [...]string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
)

// name returns the name of a member in transcripts.
func name(i int) string {
	switch {
	case i == -1:
		return "nobody"
	case i < 0 || i >= len(names):
		return fmt.Sprintf("member %d", i)
	}
	return names[i]
}

func nameList(members []int) string {
	if len(members) == 0 {
		return "nobody"
	}
	list := make([]string, len(members))
	for k, i := range members {
		list[k] = name(i)
	}
	return strings.Join(list, ", ")
}

// reason returns what a node tells the others when its ceremony fails: its own
// words, or those that it heard.
func reason(f *roster.Failure) string {
	if f.Kind == roster.PeerAborted || f.Text != "" {
		return f.Text
	}
	return failureWords(f)
}

// failureWords says why a ceremony failed, and who reported that.
func failureWords(f *roster.Failure) string {
	words := f.Kind.String() + ", about " + name(f.Culprit)
	switch f.Kind {
	case roster.VersionMismatch:
		words += fmt.Sprintf(": %q, wanted %q", f.Theirs, f.Wanted)
	case roster.PeerRestarted, roster.StepSkipped, roster.SelfRestarted:
		words += fmt.Sprintf(": step %s, then %d", stepWords(f.From), f.To)
	case roster.LeftBehind, roster.PeerLeft:
		if f.Kind == roster.LeftBehind {
			words += fmt.Sprintf(": barrier %d, its step %d", f.From, f.To)
			break
		}
		words += fmt.Sprintf(": its step %d, barrier %d", f.From, f.To)
	case roster.PeerTimeout:
		words += fmt.Sprintf(": %s for %v", goneWords(f), f.Gone)
	case roster.PeerRejected, roster.PeerAborted:
		words += fmt.Sprintf(": %q", f.Text)
	case roster.ResultMismatch:
		if words = f.Kind.String(); f.Text != "" {
			words += fmt.Sprintf(": %q", f.Text)
		}
	}
	switch {
	case f.Reporter >= 0:
		words += " (brought by " + name(f.By) + ", as " + name(f.Reporter) + " reports)"
	case f.By != f.Culprit:
		words += " (brought by " + name(f.By) + ")"
	}
	return words
}

// goneWords says in which direction a member is gone.
func goneWords(f *roster.Failure) string {
	switch {
	case f.NotHeard && f.NotReached:
		return "neither heard nor reached"
	case f.NotHeard:
		return "not heard"
	}
	return "not reached"
}

func stepWords(step int64) string {
	if step < 0 {
		return "none"
	}
	return fmt.Sprint(step)
}

// requestWords says what a request says.
func requestWords(q roster.Request) string {
	words := fmt.Sprintf("step %s", stepWords(q.Step))
	if q.Shutdown {
		words += " and goodbye"
	}
	if q.Aborted {
		words = "abort"
	}
	return words
}

// verdictWords says what to do with a request and its stream.
func verdictWords(now time.Time, v roster.Verdict) string {
	words := v.Action.String()
	switch {
	case v.Action == roster.Supersede:
		words += fmt.Sprintf(" stream %d", v.Old)
	case v.Old != 0:
		words += fmt.Sprintf(", in place of stream %d", v.Old)
	case v.Waiting != nil:
		words += ", it has to wait: " + failureWords(v.Waiting)
	case v.Over:
		words += ", it has to wait: our ceremony is over"
	}
	if v.Cause != nil {
		words += ": " + failureWords(v.Cause)
	}
	if !v.After.IsZero() {
		words += fmt.Sprintf(", after our abort, in %v at most", v.After.Sub(now))
	}
	return words
}

// announcementWords says what a node says to everyone.
func announcementWords(a *roster.Announcement) string {
	switch {
	case a.Failure != nil:
		words := "abort: " + failureWords(a.Failure)
		if a.Culprit != a.Failure.Culprit {
			words += ", naming " + name(a.Culprit)
		}
		if a.Reporter >= 0 {
			words += ", reported by " + name(a.Reporter)
		}
		return words
	case a.Goodbye && a.Attestation != nil:
		return fmt.Sprintf("step %d, %s and goodbye", a.Step, attestationWords(a.Attestation))
	case a.Goodbye:
		return fmt.Sprintf("step %d and goodbye", a.Step)
	case a.Attestation != nil:
		return fmt.Sprintf("step %d and %s", a.Step, attestationWords(a.Attestation))
	}
	return fmt.Sprintf("step %d", a.Step)
}

// attestationWords says what a member attests.
func attestationWords(a *roster.Attestation) string {
	switch {
	case a == nil:
		return "nothing"
	case !a.Verified:
		return "a forged result"
	}
	return "result " + a.Result
}

// effectWords says what a node's shell must do.
func effectWords(self int, now time.Time, e roster.Effects) []string {
	var words []string
	for _, i := range e.Repeat {
		words = append(words, fmt.Sprintf("> %s tells %s again", name(self), name(i)))
	}
	for _, i := range e.Ask {
		words = append(words, fmt.Sprintf("> %s asks %s at once", name(self), name(i)))
	}
	if a := e.Announcement; a != nil {
		text := fmt.Sprintf("> %s tells everyone: %s", name(self), announcementWords(a))
		if a.Failure != nil {
			text += fmt.Sprintf(", until +%v", a.Until.Sub(now))
		}
		words = append(words, text)
	}
	if e.EndStreams {
		words = append(words, fmt.Sprintf("> %s ends every stream", name(self)))
	}
	return words
}

// waitWords says what a node does at a barrier.
func waitWords(b roster.Barrier) string {
	switch b.Kind {
	case roster.BarrierConnected:
		return "waiting for connections"
	case roster.BarrierStep:
		return fmt.Sprintf("waiting at barrier %d", b.Step)
	case roster.BarrierShutdown:
		return "waiting for goodbyes"
	}
	return "not waiting"
}

// eventWords says what happened to a node.
func eventWords(self int, now time.Time, e roster.Event, f *roster.Failure) string {
	who := name(e.Member)
	direction := name(self) + " to " + who
	if e.Inbound {
		direction = who + " to " + name(self)
	}
	switch e.Type {
	case roster.Announced:
		return fmt.Sprintf("* %s announces step %d", who, e.Step)
	case roster.MemberConnected, roster.MemberLost:
		return fmt.Sprintf("* %s: %s", e.Type, direction)
	case roster.MemberReplaced:
		return fmt.Sprintf("* %s is replaced by another process", who)
	case roster.AllConnected:
		return "* all connected"
	case roster.Arrived:
		return fmt.Sprintf("* %s arrived at barrier %d", who, e.Step)
	case roster.BarrierPassed:
		return passedWords(self, e)
	case roster.StillWaiting:
		return fmt.Sprintf("* %s was still %s from %v to %v: %s",
			who, waitWords(e.Barrier), e.From.Sub(e.Barrier.Since), now.Sub(e.Barrier.Since), nameList(e.Missing))
	case roster.MemberStepped:
		return fmt.Sprintf("* %s is at step %d", who, e.Step)
	case roster.SaidGoodbye:
		return fmt.Sprintf("* %s said goodbye at step %d", who, e.Step)
	case roster.AnsweredGoodbye:
		return fmt.Sprintf("* %s answered our goodbye", who)
	case roster.Completed:
		return "* the ceremony is complete"
	case roster.CeremonyFailed:
		text := "* the ceremony has failed"
		if e.Barrier.Kind != 0 {
			text += " while " + waitWords(e.Barrier)
		}
		return text + ": " + failureWords(f)
	}
	return fmt.Sprintf("* unknown event %d", e.Type)
}

func passedWords(self int, e roster.Event) string {
	words := fmt.Sprintf("* %s passed barrier %d", name(self), e.Step)
	switch e.Barrier.Kind {
	case roster.BarrierConnected:
		words = "* all connected for the first time"
	case roster.BarrierShutdown:
		words = "* the wait for goodbyes is over"
	}
	if e.Last == self {
		return words
	}
	return words + ", the last was " + name(e.Last)
}
