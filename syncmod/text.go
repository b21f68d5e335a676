package syncmod

import (
	"regexp"
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

var (
	pathPattern     = regexp.MustCompile(`(^|[\s"'=(:,])(~|\.{1,2}|[A-Za-z]:)?[/\\][^\s"',;:)]+`)
	barePathPattern = regexp.MustCompile(`[\w.-]+([/\\][\w.-]+)*[/\\][\w-]+\.[A-Za-z]\w*`) // relative, and to a file
	// Keys of 24 bytes and more in hexadecimal, and of 30 and more in base64: without its padding, 32 bytes in base64
	// look like a peer ID, which may be told.
	secretPattern = regexp.MustCompile(`(0x)?[0-9A-Fa-f]{48,}|[A-Za-z0-9+/_-]{64,}={0,2}|[A-Za-z0-9+/_-]{40,}={1,2}`)
)

// tellable makes a reason of this node's own fit to be told to the other
// members: printable, at most 256 bytes, without paths of this machine and
// without what looks like a key.
func tellable(s string) string {
	if len(s) > 4*maxReason {
		s = s[:4*maxReason]
		s = s[:strings.LastIndexAny(s, " \t\r\n")+1] + "…" // part of a key would not look like one
	}
	s = pathPattern.ReplaceAllString(s, "$1<path>")
	s = barePathPattern.ReplaceAllString(s, "<path>")
	s = secretPattern.ReplaceAllString(s, "<hidden>")
	return printable(s, maxReason)
}

// shownError is an error with a text of its own: as a status shows it, in one line
// and short, or as it was at one moment.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }
