package syncmod

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
)

// WaitingFor says which members this node waits for, and why. It is the error that a
// wait at the barrier would return now, without a context's error. It is nil while this
// node waits for nobody, because it works on a step or because the ceremony is over. In
// a complete ceremony, it names the members that did not say goodbye in time, and is
// nil if every member did. In a ceremony that only looks, it names the members that the
// real ceremony would wait for: those that cannot be reached, and those that the real
// ceremony would not accept.
func (s Status) WaitingFor() *WaitError {
	if s.barrier.Kind == 0 {
		return s.unsaid
	}
	e := &WaitError{
		Barrier: s.barrier.Kind.String(), Step: s.barrier.Step, Since: s.barrier.Since,
		members: len(s.Peers) + 1, at: s.At,
	}
	for _, p := range s.Peers {
		if p.missing {
			e.Missing = append(e.Missing, p)
		}
	}
	if s.Observes && len(e.Missing) == 0 {
		return nil
	}
	e.who = who(s.At, s.called, s.Broken, e.Missing)
	return e
}

// who returns a text that says which members a wait is still waiting for, and why.
// Pairs that cannot reach each other come first. If a connected member is in such a
// pair, the pair explains why it is missing, so it is not listed again. Members that
// are not connected come next. Connected members come last: perhaps they are
// themselves only waiting for the others.
func who(now time.Time, called []string, broken []BrokenLink, missing []PeerStatus) string {
	var parts []string
	explained := make(map[int]bool)
	const enough = 5
	more := 0
	for _, pair := range broken {
		if pair.own || !concerns(missing, pair) {
			continue
		}
		if !pair.disputed { // a disputed pair explains nobody: one of the two could hide behind a false claim
			explained[pair.A], explained[pair.B] = true, true
		}
		if len(parts) < enough {
			parts = append(parts, pair.Describe(called, now))
		} else {
			more++
		}
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more pairs", more))
	}
	connected := func(p PeerStatus) bool { return p.Inbound && p.Outbound }
	away := slices.DeleteFunc(slices.Clone(missing), connected)
	behind := slices.DeleteFunc(slices.Clone(missing), func(p PeerStatus) bool { return !connected(p) })
	for _, p := range slices.Concat(away, behind) {
		if !explained[p.Index] || !connected(p) {
			parts = append(parts, p.name()+" ("+p.Describe(now)+")")
		}
	}
	return strings.Join(parts, ", ")
}

// concerns reports whether one of a pair is missing.
func concerns(missing []PeerStatus, pair BrokenLink) bool {
	return slices.ContainsFunc(missing, func(p PeerStatus) bool { return p.Index == pair.A || p.Index == pair.B })
}

// Describe says in a sentence what is wrong between the two members. The names are those
// of all members; see [Definition.Names].
func (b BrokenLink) Describe(names []string, now time.Time) string {
	one, other, since := names[b.A], names[b.B], report.Spell(now.Sub(b.Since))
	switch {
	case b.aToB:
		return fmt.Sprintf("%s reaches %s, but %s does not reach %s (for %s)", one, other, other, one, since)
	case b.bToA:
		return fmt.Sprintf("%s reaches %s, but %s does not reach %s (for %s)", other, one, one, other, since)
	}
	return fmt.Sprintf("%s and %s cannot reach each other (for %s)", one, other, since)
}
