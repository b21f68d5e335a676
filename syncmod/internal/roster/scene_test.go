package roster_test

import (
	"fmt"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// missing says which members a node waits for.
func (s *story) missing(*arguments) []string {
	r := s.roster
	step := max(r.Step(), 1)
	return []string{
		"connected: " + nameList(r.Missing(s.now, roster.Barrier{Kind: roster.BarrierConnected})),
		fmt.Sprintf("at barrier %d: %s", step, nameList(r.Missing(s.now, roster.StepBarrier(step)))),
		"goodbyes: " + nameList(r.Missing(s.now, roster.ShutdownBarrier())),
	}
}

// reached says whether these waits would be over: the wait of await-connected,
// that of a step, and that of the goodbyes.
func (s *story) reached(a *arguments) []string {
	step := a.number("step", max(s.roster.Step(), 1))
	var words []string
	for _, b := range []roster.Barrier{s.awaited, roster.StepBarrier(step), roster.ShutdownBarrier()} {
		answer := "over"
		if !s.roster.Reached(b) {
			answer = "goes on"
		}
		if b.Kind != 0 {
			words = append(words, waitWords(b)+": "+answer)
		}
	}
	return words
}

// waiting says at which barrier a node waits.
func (s *story) waiting(*arguments) []string {
	b, waits := s.roster.Waiting()
	if !waits {
		return []string{waitWords(b)}
	}
	return []string{fmt.Sprintf("%s, since %v after the start", waitWords(b), b.Since.Sub(start))}
}

// status says what a node knows about the ceremony and its members.
func (s *story) status(*arguments) []string {
	r := s.roster
	words := []string{fmt.Sprintf("%s, step %d, passed %d", phaseWords(r.Phase()), r.Step(), r.Passed())}
	if f := r.Failure(); f != nil {
		words[0] += ": " + failureWords(f)
	}
	for _, i := range s.others(nil) {
		words = append(words, name(i)+": "+memberWords(r.Member(i)))
	}
	return words
}

// arrivals says when each member reached a barrier.
func (s *story) arrivals(a *arguments) []string {
	step := a.number("step", 0)
	var words []string
	for i, at := range s.passed[step] {
		words = append(words, fmt.Sprintf("%s: %v", name(i), at.Sub(start)))
	}
	return words
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
	if m.Waiting != "" {
		words += fmt.Sprintf(", waiting: %q", m.Waiting)
	}
	if m.Fault != nil {
		words += ", " + failureWords(m.Fault)
	}
	if m.LastError != nil {
		words += fmt.Sprintf(", last error %q", m.LastError)
	}
	return words
}
