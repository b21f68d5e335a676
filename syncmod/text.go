package syncmod

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxReason = 256 // bytes of a reason that is told to others
	maxSaid   = 512 // bytes of a text of a peer that is shown
)

// printable makes a text that somebody else wrote fit for a log, a terminal or
// a page: characters that cannot be printed become '?' and what is longer than
// limit bytes is cut. It returns the text itself when there is nothing to do.
func printable(s string, limit int) string {
	if len(s) > 4*limit {
		s = s[:4*limit] // a megabyte is not even looked at
	}
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
	return cut(s, limit)
}

// cut shortens a text to at most limit bytes and never inside a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	n := max(limit-len(mark), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if n == 0 {
		return ""
	}
	return s[:n] + mark
}

// shownError is an error with a text of its own: as a status shows it, in one line
// and short, or as it was at one moment.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }
