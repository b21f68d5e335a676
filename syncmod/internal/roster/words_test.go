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

// name is what a transcript calls a member.
func name(i int) string {
	if i < 0 || i >= len(names) {
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

// reason is what a node tells the others when its ceremony fails: its own words,
// or those that it was told.
func reason(f *roster.Failure) string {
	if f.Kind == roster.PeerAborted {
		return f.Text
	}
	return failureWords(f)
}

// failureWords tells why a ceremony failed, and by whom that was brought.
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
		words += fmt.Sprintf(": gone for %v", f.Gone)
	case roster.PeerRejected, roster.PeerAborted:
		words += fmt.Sprintf(": %q", f.Text)
	}
	if f.By != f.Culprit {
		words += " (brought by " + name(f.By) + ")"
	}
	return words
}

func stepWords(step int64) string {
	if step < 0 {
		return "none"
	}
	return fmt.Sprint(step)
}

// verdictWords tells what is to be done with a request and its stream.
func verdictWords(v roster.Verdict) string {
	words := v.Action.String()
	if v.Action == roster.Supersede {
		words += fmt.Sprintf(" stream %d", v.Old)
	}
	if v.Cause != nil {
		words += ": " + failureWords(v.Cause)
	}
	return words
}

// eventWords tells what happened to a node.
func eventWords(self int, e roster.Event, f *roster.Failure) string {
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
	case roster.Passed:
		return fmt.Sprintf("* %s passed barrier %d", who, e.Step)
	case roster.MemberStepped:
		return fmt.Sprintf("* %s is at step %d", who, e.Step)
	case roster.SaidGoodbye:
		return fmt.Sprintf("* %s said goodbye at step %d", who, e.Step)
	case roster.AnsweredGoodbye:
		return fmt.Sprintf("* %s answered our goodbye", who)
	case roster.Completed:
		return "* the ceremony is complete"
	case roster.CeremonyFailed:
		return "* the ceremony has failed: " + failureWords(f)
	}
	return fmt.Sprintf("* unknown event %d", e.Type)
}
