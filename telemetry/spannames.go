package telemetry

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/dkgsync/dkgsync/internal/report"
)

// ServiceName returns the service.name that a member's node should have, so that all
// nodes show it under the same name: dkg-alice, or dkg-2 where operator 2 has no name.
// The spans of the other nodes name the member so, in peer.service.
func ServiceName(member string, index int) string {
	name := shown(member)
	if name == "" {
		name = strconv.Itoa(index)
	}
	return "dkg-" + name
}

// maxNames is how many different names begin with the same span constant. What exceeds
// them has that constant as its name: backends list all names, and count by them.
const maxNames = 100

// spanNames are what the names of a service's spans have been about so far, by the span
// constants that they begin with.
type spanNames map[string]map[string]bool

// name returns the name of a span: the constant that it begins with, and what the span
// is about.
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

// barrierAbout is what the span of a barrier is about: its kind, or the step that begins
// behind it.
func barrierAbout(kind, name string, step int64) string {
	if kind == report.BarrierStep {
		return stepAbout(name, step)
	}
	return kind
}

// stepAbout is what the span of a step is about: its name, or else its number.
func stepAbout(name string, step int64) string {
	if name = shown(name); name != "" {
		return name
	}
	return strconv.FormatInt(step, 10)
}

// shown makes a text of the program fit for the row of a backend's page: one line of
// printable characters, at most 64 of them. An exporter loses all spans of a batch that
// has invalid UTF-8 in it.
func shown(text string) string {
	const limit = 64
	if len(text) > 16*limit {
		text = text[:16*limit] // a megabyte is not even looked at
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
