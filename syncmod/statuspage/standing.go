package statuspage

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file says how a member stands: in a sentence for an answer, and in a few words for the
// table.

// The answers of a member that has not opened the ceremony: it has none open, or it has
// another one open.
const (
	notOpen     = "it has not opened this ceremony yet"
	anotherOpen = "it has another definition open: "
)

// sentences says why a wait is not over. Of many reasons it gives only the first few.
func (v view) sentences(w *syncmod.WaitError) string {
	const most = 3
	var of []string
	for _, b := range v.explaining(w) {
		of = append(of, v.between(b))
	}
	for _, p := range w.Missing {
		if !v.isApart(p.Index) || !p.Inbound || !p.Outbound {
			of = append(of, v.stands(p, w))
		}
	}
	text := capital(strings.Join(of[:min(most, len(of))], ". ")) + "."
	if more := len(of) - most; more > 0 {
		text += fmt.Sprintf(" The table says what is wrong with %d more.", more)
	}
	return text
}

// stands describes the state of a member that this node waits for. Addresses, counts and
// times are left to the table.
func (v view) stands(p syncmod.PeerStatus, w *syncmod.WaitError) string {
	name := v.names[p.Index]
	switch {
	case w.Barrier == "shutdown" && p.Inbound && p.Outbound:
		return name + " has not said goodbye"
	case w.Barrier == "shutdown":
		return name + " has not said goodbye. " + v.unreached(p)
	case p.Fault != nil:
		return name + " " + v.standing(p)
	case strings.HasPrefix(p.Waiting, anotherOpen):
		return name + "'s node is up, but uses a different definition"
	case p.Waiting != "", isUp(p):
		return name + "'s " + strings.TrimPrefix(v.standing(p), "its ")
	case !p.Inbound || !p.Outbound:
		return v.unreached(p)
	case w.Barrier == "step" && p.Step > 0:
		return name + " is working on " + v.stepOf(p.Step)
	}
	return name + " is connected"
}

// unreached says that a member is not connected, and why if that can be said in a word or two.
func (v view) unreached(p syncmod.PeerStatus) string {
	name, why := v.names[p.Index], ""
	if of := causeOf(p); of != "" {
		why = ": " + of
	}
	by, not := v.reaching(p.Index)
	switch {
	case p.Inbound:
		return name + " reaches this node, but this node cannot reach " + name + why
	case p.Outbound:
		return "This node reaches " + name + ", but " + name + " cannot reach this node"
	case p.LastError == nil:
		return name + "'s node is not connected"
	case len(by) == 0 && not > 0 && not == len(v.names)-2:
		return "Nobody can reach " + name + "'s node" + why
	case len(by) == 0 && not > 0:
		others := plural(not, "other", "others")
		return fmt.Sprintf("This node and %d %s cannot reach %s's node%s", not, others, name, why)
	}
	return "This node cannot reach " + name + "'s node" + why
}

// causeOf says in a word or two why a member cannot be reached, or nothing.
func causeOf(p syncmod.PeerStatus) string {
	if p.LastError == nil {
		return ""
	}
	for _, cause := range []string{"connection refused", "no answer", "no address of it is known"} {
		if strings.Contains(p.LastError.Error(), cause) {
			return cause
		}
	}
	return ""
}

// hostIsUp begins the last error of a member whose host answers and whose program does not.
// That error stays even after the member has connected.
const hostIsUp = "its host is up, but "

func isUp(p syncmod.PeerStatus) bool {
	return !p.Inbound && !p.Outbound && p.LastError != nil && strings.HasPrefix(p.LastError.Error(), hostIsUp)
}

var inMilliseconds = regexp.MustCompile(`\bfor \d+(\.\d+)? ms\b`)

// standing says how a member stands, without its step and without the time when it was last
// heard.
func (v view) standing(p syncmod.PeerStatus) string {
	switch {
	case v.rehearses(p):
		return "ready, and rehearsing too"
	case !p.Done && p.Waiting == "" && isUp(p):
		return p.LastError.Error()
	}
	text := p.Describe(v.now)
	if strings.Contains(text, "for ") {
		text = inMilliseconds.ReplaceAllLiteralString(text, "for "+spell(v.now.Sub(p.Since)))
	}
	for _, tail := range []string{", heard ", ", at step "} {
		if i := strings.LastIndex(text, tail); i >= 0 && (tail != ", heard " || !p.LastSeen.IsZero()) &&
			(tail != ", at step " || p.Step >= 0) {
			text = text[:i]
		}
	}
	return text
}

// stateOf says how a member stands, without the addresses and counts of attempts to reach it.
func (v view) stateOf(p syncmod.PeerStatus) string {
	isOver := v.status.Phase == syncmod.Failed || v.status.Phase == syncmod.Complete
	switch apart := v.cutOff(p.Index); {
	case strings.HasPrefix(p.Waiting, anotherOpen):
		return "uses a different definition"
	case apart != "" && p.Inbound && p.Outbound && !isOver:
		return apart
	case p.Done || p.Inbound || p.Outbound || p.Waiting != "" || p.Fault != nil || isUp(p) || p.LastError == nil,
		errors.Is(p.LastError, syncmod.ErrKeyInUse):
		return v.standing(p)
	}
	text := "unreachable"
	if cause := causeOf(p); cause != "" {
		text += ": " + cause
	}
	p.LastError = nil
	if _, more, ok := strings.Cut(v.standing(p), ", "); ok {
		text += ", " + more
	}
	return text
}
