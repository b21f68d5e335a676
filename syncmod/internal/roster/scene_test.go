package roster_test

import (
	"fmt"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// missing tells whom a node waits for.
func (s *story) missing(*arguments) []string {
	r := s.roster
	return []string{
		"connected: " + nameList(r.MissingConnected()),
		fmt.Sprintf("at barrier %d: %s", max(r.Step(), 1), nameList(r.MissingAt(max(r.Step(), 1)))),
		"goodbyes: " + nameList(r.MissingGoodbyes(s.now)),
	}
}

// status tells what a node knows of the ceremony and of its members.
func (s *story) status(*arguments) []string {
	r := s.roster
	lines := []string{fmt.Sprintf("%s, step %d, passed %d", phaseWords(r.Phase()), r.Step(), r.Passed())}
	if f := r.Failure(); f != nil {
		lines[0] += ": " + failureWords(f)
	}
	for _, i := range s.others(nil) {
		lines = append(lines, name(i)+": "+memberWords(r.Member(i)))
	}
	return lines
}

// arrivals tells when each member reached a barrier.
func (s *story) arrivals(a *arguments) []string {
	step := a.number("step", 0)
	var lines []string
	for i, at := range s.roster.Arrivals(step) {
		lines = append(lines, fmt.Sprintf("%s: %v", name(i), at.Sub(start)))
	}
	return lines
}

func phaseWords(p roster.Phase) string {
	return [...]string{"connecting", "running", "completing", "complete", "failed"}[p]
}

func memberWords(m roster.Member) string {
	words := "step " + stepWords(m.Step)
	switch {
	case m.Inbound && m.Outbound:
		words += ", connected"
	case m.Inbound:
		words += ", connected from it only"
	case m.Outbound:
		words += ", connected to it only"
	default:
		words += ", not connected"
	}
	if m.Relayed {
		words += ", through a relay"
	}
	if m.Reconnects > 0 {
		words += fmt.Sprintf(", %d reconnects", m.Reconnects)
	}
	if m.Done {
		words += ", has said goodbye"
	}
	if m.LastError != nil {
		words += fmt.Sprintf(", last error %q", m.LastError)
	}
	return words
}
