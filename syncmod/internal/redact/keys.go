package redact

import (
	"regexp"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

var (
	placeholder = regexp.MustCompile(`(` + hidden + `|` + hiddenPath + `)`)
	pemBlock    = regexp.MustCompile(`(-----BEGIN .*?(?:-----END [^-]*(?:-----)?|$))`)

	// What is told although it looks like a key: peer IDs, and addresses of accounts.
	publicPattern = regexp.MustCompile(`\b((?:16Uiu2|12D3Koo|Qm)[1-9A-HJ-NP-Za-km-z]{40,}|` +
		`(?:bafz|k51)[a-z0-9]{40,}|0x[0-9A-Fa-f]{40})\b`)
	// Twelve words and more: fewer are no mnemonic.
	mnemonicPattern = regexp.MustCompile(`\b((?:[a-z]{3,8}[ ,"']{1,4}){11,}[a-z]{3,8})\b`)
	// Words that prose has and mnemonics do not.
	proseWords = regexp.MustCompile(`\b(?:the|and|for|not|was|were|has|had|but|its|from|with|into|cannot|` +
		`which|are|been|being|does|did|while|until|because|without)\b`)
	// Bytes as fmt prints a slice of them, 16 or more.
	bytesPattern = regexp.MustCompile(`\b((?:(?:0x)?[0-9A-Fa-f]{1,3}[ ,:]{1,2}){15,}(?:0x)?[0-9A-Fa-f]{1,3})\b`)
	// Keys that their first characters give away: of clouds, of forges, of wallets, JSON web tokens.
	vendorPattern = regexp.MustCompile(`\b(eyJ[\w-]{5,}(?:\.[\w-]*)*|A(?:KIA|SIA|GPA|IDA|ROA)[A-Z0-9]{12,}|` +
		`AIza[\w-]{20,}|gh[oprsu]_\w{16,}|github_pat_\w+|glpat-[\w-]+|xox[a-z]-[\w-]+|[prs]k_(?:live|test)_\w+|` +
		`sk-[\w-]{16,}|AGE-SECRET-KEY-\w+|[t-z]prv\w{20,}|npm_\w{20,}|hv[brs]\.[\w-]{8,}|dop_v1_\w+)`)
	tokenPattern = regexp.MustCompile(`([A-Za-z0-9+/_-]{20,}={0,2})`)

	hexPattern = regexp.MustCompile(`^(?:0[xX])?[0-9A-Fa-f]{32,}$`)
	// What names and identifiers are made of, and keys are not.
	wordsPattern = regexp.MustCompile(`^(?:(?:[A-Z]?[a-z]{1,20}\d{0,3}|[A-Z]{1,12}\d{0,3}|\d{1,6}|` +
		`(?:[A-Z]?[a-z]{2,})+)?(?:[+/_-]|$))+$`)
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

// hideMnemonic hides a row of words if it has twelve in a row that may be a mnemonic.
func hideMnemonic(text string) (string, bool) {
	const words = 12
	for _, row := range proseWords.Split(text, -1) {
		if len(strings.FieldsFunc(row, func(r rune) bool { return r < 'a' || r > 'z' })) >= words {
			return hidden, true
		}
	}
	return "", false
}

// isRandom reports whether a text looks like a key: long hexadecimal, base64 in both alphabets, and what is like it.
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
