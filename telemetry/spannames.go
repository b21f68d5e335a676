package telemetry

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/dkgsync/dkgsync/internal/report"
)

// ServiceName returns the service.name that a member's node should use: dkg-alice, or
// dkg-2 if operator 2 has no name. The spans of the other nodes use the same name for
// the member in peer.service, so a backend shows each member under one name.
func ServiceName(member string, index int) string {
	name := shown(member)
	if name == "" {
		name = strconv.Itoa(index)
	}
	return "dkg-" + name
}

// maxNames is how many different names may begin with the same span constant. Spans
// beyond that have the constant as their name, because backends list all names and
// count by name.
const maxNames = 100

// spanNames holds, for each span constant, the texts that have followed it in the names
// of a service's spans so far.
type spanNames map[string]map[string]bool

// name returns the name of a span. It consists of a span constant and, unless maxNames
// is reached, a text that says what the span is about.
func (n spanNames) name(span, about string) string {
	about = shown(about)
	if about == "" {
		return span
	}
	if !n[span][about] {
		if len(n[span]) == maxNames {
			return span
		}
		if n[span] == nil {
			n[span] = make(map[string]bool)
		}
		n[span][about] = true
	}
	return span + " " + about
}

// barrierAbout returns what the span of a barrier is about: for the barrier of a step,
// the step that begins after it; for any other barrier, its kind.
func barrierAbout(kind, name string, step int64) string {
	if kind == report.BarrierStep {
		return stepAbout(name, step)
	}
	return kind
}

// stepAbout returns what the span of a step is about: the step's name or, if it has
// none, its number.
func stepAbout(name string, step int64) string {
	if name = shown(name); name != "" {
		return name
	}
	return strconv.FormatInt(step, 10)
}

// shown makes a text of the program fit into a row of a backend's page: it returns one
// line of at most 64 printable characters. An exporter loses a whole batch of spans if
// the batch contains invalid UTF-8.
func shown(text string) string {
	const limit = 64
	if len(text) > 16*limit {
		text = text[:16*limit] // do not process a megabyte
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return string(runes)
}
