package redact

import (
	"regexp"
	"strings"
)

// How secrets are named.
const secretNames = `passw(?:or)?d|pwd|pass[ _-]?phrase|secret|token|api[ _-]?key|access[ _-]?key|` +
	`account[ _-]?key|private[ _-]?key|secret[ _-]?key|` +
	`(?:(?:en|de)cryption|signing|master|session)[ _-]?key|authorization|cookie|mnemonic|` +
	`credentials?|jwt|seed[ _-]?phrase`

// What stands between a name and its value.
const assigns = "[\"'`\\\\]*\\s?(?::?={1,2}>?|->|%(?:25)*3D)\\s?"

var (
	// This is not the name of a secret, although it ends like one.
	bypass = regexp.MustCompile(`(?i)\b(bypass)\s?[:=]`)
	// name=value. More names count here, because prose does not look like this.
	assignedStart = regexp.MustCompile(`(?i)(?:` + secretNames + `|pass|pw|auth|user|username)` + assigns)
	// name=value, where the value may be a number that is not a secret.
	indexedStart = regexp.MustCompile(`(?i)(?:key|seed|sig|signature|session|uid)` + assigns)
	// name: value
	namedStart = regexp.MustCompile(`(?i)(?:` + secretNames +
		"|pass|pw|auth)[\"'`\\\\]*\\s?(?::|%(?:25)*3A)\\s?")
	// name "value"
	quotedStart = regexp.MustCompile(`(?i)(?:` + secretNames + ")\\s(\\\\*[\"'`])")
	// name value
	spacedStart = regexp.MustCompile(`(?i)\b(?:passw(?:or)?d|pwd|passphrase|secret|token)\s`)
	// login name password value, as in a netrc file.
	loginStart = regexp.MustCompile(`(?i)\blogin\s\S+\s(?:password|account)\s`)
	// <name>value</name>
	elementPattern = regexp.MustCompile(`(?i)<[\w:.-]*(?:` + secretNames + `|pass|key|auth)` +
		`(?:\s[^>]*)?>(.*?</[^\s>]*>?)`)
	// --name value
	flagStart = regexp.MustCompile(`(?i)(?:^|[\s"'])--?[\w-]*(?:` + secretNames + `)\s`)
	// -u name:value, as curl accepts it.
	userFlagStart = regexp.MustCompile("(?:^|[\\s\"'])(?:-[uU][ =]?|--(?:proxy-)?user[ =])[\"']?" +
		"([^\\s\"':]+:[^\\s\"']+)")
	// -pvalue, as mysql accepts it.
	passwordFlagStart = regexp.MustCompile(`(?i)\b(?:mysql|mariadb|sshpass)[\w-]*\s(?:.*?\s)?-p\s?`)
	// Bearer value
	credentialStart = regexp.MustCompile(`(?i)\b(?:bearer|basic|digest|negotiate)\s`)

	quoteStart = regexp.MustCompile("^\\\\*[\"'`]")
	nextName   = regexp.MustCompile(`^["'\\]*[A-Za-z_][\w.-]*["'\\]*[:=]\S`)
	// How a sentence continues after such a name and a colon.
	prose = regexp.MustCompile(`(?i)^(?:not?|yes|is|too|the|an?|cannot|could|must|should|has|was|were|are|at|of|in|` +
		`invalid|expired|missing|unexpected|failed|permission|context|connection|wrong|required|unknown|EOF|` +
		`unauthorized|denied|refused|timed?|http|open|read|step|decrypt[a-z]*|mac|checksum)` +
		`(?:[,;:.!?)]*\s|[,;:.!?)]*$)`)
	index     = regexp.MustCompile(`^\d{1,4}$`)
	withDigit = regexp.MustCompile(`[A-Za-z]\S*\d|\d\S*[A-Za-z]`)
	word      = regexp.MustCompile(`^[A-Za-z][a-z]*$`)
)

// assignedLength returns the length of a value, which ends with its quotes or at the next space.
func assignedLength(rest, before string) int {
	if quote := quoteStart.FindString(rest); quote != "" {
		return len(quote) + quotedLength(rest[len(quote):], quote) + closing(rest, quote)
	}
	return runLength(rest, before)
}

// closing returns the length of the closing quote of a value, or 0 if there is none.
func closing(rest, quote string) int {
	end := len(quote) + quotedLength(rest[len(quote):], quote)
	return len(quoteStart.FindString(rest[end:]))
}

// namedLength returns the length of a value that may have several words. It ends before a separator or before the next
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

func hideUnlessIndex(text string) (string, bool) { return hidden, !index.MatchString(text) }

func hideWithDigit(text string) (string, bool) { return hidden, withDigit.MatchString(text) }
