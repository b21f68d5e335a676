package syncmod

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxReason = 256 // bytes of a reason that the others are told
	maxSaid   = 512 // bytes of a peer's text that are shown
)

// printable makes text from somebody else fit for a log, a terminal or a page.
// Characters that cannot be printed become '?', and anything longer than limit
// bytes is cut. It returns the text itself if nothing has to change.
func printable(s string, limit int) string {
	if len(s) > 4*limit {
		s = s[:4*limit] // do not even look at a megabyte
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

// cut shortens a text to at most limit bytes, and never inside a character.
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

// shownError is an error with a different text: a short line for a status, or the text
// that the error had at one moment.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }
