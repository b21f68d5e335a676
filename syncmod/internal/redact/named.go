package redact

import (
	"regexp"
	"strings"
)

// What secrets are called.
const secretNames = `passw(?:or)?d|pwd|pass[ _-]?phrase|secret|token|api[ _-]?key|access[ _-]?key|` +
	`account[ _-]?key|private[ _-]?key|secret[ _-]?key|authorization|cookie|mnemonic|credentials?|jwt|seed[ _-]?phrase`

var (
	// name=value. More names count here: it is not how people write sentences.
	assignedStart = regexp.MustCompile(`(?i)(?:` + secretNames +
		`|pass|key|seed|sig|signature|auth|session|user|username|uid)` +
		"[\"'`\\\\]*\\s?:?={1,2}\\s?")
	// name: value
	namedStart = regexp.MustCompile("(?i)(?:" + secretNames + ")[\"'`\\\\]*\\s?:\\s?")
	// --name value
	flagStart = regexp.MustCompile(`(?i)(?:^|[\s"'])--?[\w-]*(?:` + secretNames + `)\s`)
	// Bearer value
	credentialStart = regexp.MustCompile(`(?i)\b(?:bearer|basic|digest|negotiate)\s`)

	quoteStart = regexp.MustCompile("^\\\\*[\"'`]")
	nextName   = regexp.MustCompile(`^["'\\]*[A-Za-z_][\w.-]*["'\\]*[:=]\S`)
	// How a sentence goes on after such a name and a colon.
	prose = regexp.MustCompile(`(?i)^(?:not?|yes|is|too|the|an?|cannot|could|must|should|has|was|were|are|at|of|in|` +
		`invalid|expired|missing|unexpected|failed|permission|context|connection|wrong|required|unknown|EOF|` +
		`unauthorized|denied|refused|timed?|http|open|read|step|decrypt\w*|mac|checksum)\b`)
	word = regexp.MustCompile(`^[A-Za-z][a-z]*$`)
)

// assignedLength returns how long a value is: up to the end of its quotes, or to the next space.
func assignedLength(rest, before string) int {
	if quote := quoteStart.FindString(rest); quote != "" {
		return len(quote) + quotedLength(rest[len(quote):], quote) + closing(rest, quote)
	}
	return runLength(rest, before)
}

// closing returns how long the end of a quoted value is, if there is one.
func closing(rest, quote string) int {
	end := len(quote) + quotedLength(rest[len(quote):], quote)
	return len(quoteStart.FindString(rest[end:]))
}

// namedLength returns how long a value is that may consist of several words: it ends before a separator or the next
// name.
func namedLength(rest, before string) int {
	if quoteStart.MatchString(rest) {
		return assignedLength(rest, before)
	}
	end := 0
	for end < len(rest) {
		word, _, _ := strings.Cut(rest[end:], " ")
		if end > 0 && nextName.MatchString(word) {
			return end - 1 // without the space
		}
		if trimmed := strings.TrimRight(word, afterText); trimmed != word && trimmed != "" {
			return end + len(trimmed)
		}
		end = min(end+len(word)+1, len(rest))
	}
	return end
}

func hideUnlessProse(text string) (string, bool) { return hidden, !prose.MatchString(text) }

func hideUnlessWord(text string) (string, bool) { return hidden, text != "" && !word.MatchString(text) }
