package redact

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	newLine = `(?:\s|\\+[nr])`
	escaped = `\\+(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})`
)

var (
	placeholder = regexp.MustCompile(`(` + hidden + `|` + hiddenPath + `)`)
	pemBlock    = regexp.MustCompile(`(-----BEGIN .*?(?:-----END [^-]*(?:-----)?|$))`)
	// The last line of a PEM block whose header is missing.
	pemEnd = regexp.MustCompile(`([A-Za-z0-9+/=]*` + newLine + `*-----END [^-]*(?:-----)?)`)
	// Lines of base64, the last of which is shorter.
	pemLines = regexp.MustCompile(`(?:^|[^A-Za-z0-9+/_-])((?:[A-Za-z0-9+/]{40,}` + newLine + `+)+` +
		`[A-Za-z0-9+/]{1,63}={0,2})(?:[^A-Za-z0-9+/=_-]|$)`)

	// What is shown although it looks like a key: peer IDs, and the addresses of accounts.
	publicPattern = regexp.MustCompile(`\b((?:16Uiu2|12D3Koo|Qm)[1-9A-HJ-NP-Za-km-z]{40,}|` +
		`(?:bafz|k51)[a-z0-9]{40,}|0x[0-9A-Fa-f]{40})\b`)
	// Twelve words or more, maybe with numbers: fewer are not a mnemonic.
	mnemonicPattern = regexp.MustCompile(`(?:^|[^A-Za-z])((?:[A-Za-z]{3,8}(?:[ ,;|./+_"'-]|\\+[nrt"']){1,4}` +
		`(?:[#(\[]?\d{1,2}[.):\]]{0,2} ?)?){11,}[A-Za-z]{3,8})(?:[^A-Za-z]|$)`)
	// Words that occur in prose and not in mnemonics.
	proseWords = regexp.MustCompile(`(?i)\b(?:the|and|for|not|was|were|has|had|but|its|from|with|cannot|` +
		`which|are|been|being|does|did|while|without|would|could|may|might|than|them|their|your|our|his|who|whose|` +
		`why|how|after|through|against|most|less|least|some|every|both|each|many|here|these|those|done|doing|got|` +
		`went|made|makes|took|takes|came|comes|gave|gives|failed|closed|opened|lost|started|stopped|expected|wanted|` +
		`received|sent|returned|invalid|missing|members|peers|nodes|shares|errors|shall|per|via|though|although|` +
		`however|therefore|thus|itself|themselves|others|keys)\b`)
	// Numbers in a row: a slice as fmt prints it, or a key in groups.
	groupsPattern = regexp.MustCompile(`\b((?:(?:0x)?[0-9A-Fa-f]{1,31}[ ,:]{1,2}-?)+(?:0x)?[0-9A-Fa-f]{1,31})\b`)
	// Four or more bytes that fmt escapes, with the text between them.
	escapedRun = regexp.MustCompile(`((?:"(?:[^"\\]|\\.){0,24}|\S{0,12})` + escaped + `(?:.{0,12}` + escaped + `){3,}` +
		`(?:(?:[^"\\]|\\.){0,24}"|\S{0,12}))`)
	// Keys that are recognized by their first characters: those of clouds, forges and wallets, and JSON web tokens.
	vendorPattern = regexp.MustCompile(`\b(eyJ[\w-]{5,}(?:\.[\w-]*)*|A(?:KIA|SIA|GPA|IDA|ROA)[A-Z0-9]{12,}|` +
		`AIza[\w-]{20,}|gh[oprsu]_\w{16,}|github_pat_\w+|glpat-[\w-]+|xox[a-z]-[\w-]+|[prs]k_(?:live|test)_\w+|` +
		`sk-[\w-]{16,}|AGE-SECRET-KEY-\w+|[t-z]prv\w{20,}|npm_\w{20,}|hv[brs]\.[\w-]{8,}|dop_v1_\w+)`)
	tokenPattern = regexp.MustCompile(`([A-Za-z0-9+/_-]{20,}={0,2})`)

	hexPattern = regexp.MustCompile(`^(?:0[xX])?[0-9A-Fa-f]{32,}$`)
	// What names and identifiers consist of, and keys do not.
	wordsPattern = regexp.MustCompile(`^(?:(?:[A-Z]?[a-z]{1,20}\d{0,3}|[A-Z]{1,12}\d{0,3}|\d{1,6}|` +
		`(?:[A-Z]?[a-z]{2,})+)?(?:[+/_-]|$))+$`)
	mnemonicWord = regexp.MustCompile(`[A-Za-z]{3,8}`)
	hexDigits    = regexp.MustCompile(`[0-9A-Fa-f]+`)

	upper  = regexp.MustCompile(`[A-Z]`)
	lower  = regexp.MustCompile(`[a-z]`)
	digits = regexp.MustCompile(`\d`)
	plain  = regexp.MustCompile(`^[A-Za-z0-9]{20,}$`)
)

func keepPublic(text string) (string, bool) {
	if strings.HasPrefix(text, "0x") {
		return text, true
	}
	_, err := peer.Decode(text)
	return text, err == nil
}

// hideMnemonic hides a row of words if twelve of them in a row may be a mnemonic.
func hideMnemonic(text string) (string, bool) {
	const words = 12
	for _, row := range proseWords.Split(text, -1) {
		if len(mnemonicWord.FindAllString(row, words)) == words {
			return hidden, true
		}
	}
	return "", false
}

// hideGroups hides numbers in a row if they have as many digits as a key, or if there are as many numbers as a key has
// bytes. It shows an IP address.
func hideGroups(text string) (string, bool) {
	const shortest, fewest = 32, 16
	if _, err := netip.ParseAddr(text); err == nil {
		return "", false
	}
	groups, digits := hexDigits.FindAllString(strings.ReplaceAll(text, "0x", ""), -1), 0
	for _, group := range groups {
		digits += len(group)
	}
	return hidden, digits >= shortest || len(groups) >= fewest
}

// hideLines hides lines of base64, but not the word after them.
func hideLines(text string) (string, bool) {
	last := strings.LastIndex(text, " ") + 1
	if word.MatchString(text[last:]) {
		return hidden + " " + text[last:], last > 0
	}
	return hidden, true
}

// isRandom reports whether a text looks like a key: long hexadecimal, base64 in either alphabet, and similar text.
func isRandom(text string) bool {
	const long, some = 40, 3
	switch {
	case hexPattern.MatchString(text):
		return true
	case wordsPattern.MatchString(text):
		return false
	case len(text) >= long, strings.HasSuffix(text, "="), upper.MatchString(text) && lower.MatchString(text):
		return true
	}
	return plain.MatchString(text) && len(digits.FindAllString(text, some)) == some
}

func hideRandom(text string) (string, bool) { return hidden, isRandom(text) }
