// Package redact removes from a text what its author would not show to others: passwords, keys and the paths of a
// machine. It knows how HTTP clients, databases, package os and fmt write them.
package redact

import (
	"regexp"
	"slices"
	"strings"
)

// What is shown in place of a secret.
const (
	hidden     = "<hidden>"
	hiddenPath = "<path>"
)

// secret is a kind of text that is hidden, or a kind that is shown although it looks like a secret.
type secret struct {
	// begins matches where the text begins: at the first group, or after the match if there is no group.
	begins *regexp.Regexp
	// length returns the length of the secret, which begins where rest begins. If length is nil, the secret is the
	// first group.
	length func(rest, before string) int
	// told returns what to show instead. It returns false if the text is something else.
	told func(text string) (string, bool)
}

// secrets are searched for in this order. What one of them has found, the next ones do not see.
var secrets = []secret{
	{begins: urlStart, length: urlLength, told: tellURL},
	{begins: placeholder, told: asItIs},
	{begins: pemBlock, told: hide},
	{begins: pemEnd, told: hide},
	{begins: escapedRun, told: hide},
	{begins: mnemonicPattern, told: hideMnemonic},
	{begins: groupsPattern, told: hideGroups},
	{begins: elementPattern, told: hide},
	{begins: bypass, told: asItIs},
	{begins: assignedStart, length: assignedLength, told: hide},
	{begins: indexedStart, length: assignedLength, told: hideUnlessIndex},
	{begins: namedStart, length: namedLength, told: hideUnlessProse},
	{begins: flagStart, length: assignedLength, told: hideUnlessProse},
	{begins: userFlagStart, told: hide},
	{begins: passwordFlagStart, length: assignedLength, told: hide},
	{begins: loginStart, length: assignedLength, told: hide},
	{begins: quotedStart, length: assignedLength, told: hide},
	{begins: spacedStart, length: assignedLength, told: hideWithDigit},
	{begins: credentialStart, length: runLength, told: hideUnlessWord},
	{begins: multiaddrPattern, told: keepMultiaddr},
	{begins: userPattern, told: hide},
	{begins: quotedPathStart, length: quotedLength, told: hidePath},
	{begins: quotedRelative, told: hideUnlessMIME},
	{begins: pathStart, length: pathLength, told: hidePath},
	{begins: flagPathStart, length: pathLength, told: hidePath},
	{begins: encodedPath, length: runLength, told: hidePath},
	{begins: publicPattern, told: keepPublic},
	{begins: pemLines, told: hideLines},
	{begins: vendorPattern, told: hide},
	{begins: tokenPattern, told: hideRandom},
	{begins: filePattern, told: hideUnlessMIME},
	{begins: relativePattern, told: hideUnlessNumbers},
}

// piece is a part of a text. A settled piece is shown as it is.
type piece struct {
	text    string
	settled bool
}

// Text returns a line of text without secrets. A URL keeps its scheme and its host; a web URL also keeps the words in
// its path. Text replaces other paths with <path>. It replaces values that follow the name of a secret, and anything
// that looks like a key, with <hidden>. In doubt it hides too much rather than too little.
func Text(s string) string {
	pieces := []piece{{text: s}}
	for i := range secrets {
		var next []piece
		for _, p := range pieces {
			if p.settled {
				next = append(next, p)
				continue
			}
			next = append(next, secrets[i].split(p.text)...)
		}
		pieces = next
	}
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

// split settles the parts of a text that are secrets of one kind.
func (k *secret) split(text string) (pieces []piece) {
	settled := 0 // how much of the text is settled
	for _, match := range k.begins.FindAllStringSubmatchIndex(text, -1) {
		start, end := match[1], match[1]
		if len(match) > 2 && match[2] >= 0 {
			start, end = match[2], match[3]
		}
		if start < settled {
			continue
		}
		if k.length != nil {
			end = start + k.length(text[start:], text[settled:start])
		}
		told, ok := k.told(text[start:end])
		if !ok || start == end {
			continue
		}
		pieces = append(pieces, piece{text: text[settled:start]}, piece{text: told, settled: true})
		settled = end
	}
	pieces = append(pieces, piece{text: text[settled:]})
	return slices.DeleteFunc(pieces, func(p piece) bool { return p.text == "" })
}

func asItIs(text string) (string, bool) { return text, true }
func hide(string) (string, bool)        { return hidden, true }
func hidePath(string) (string, bool)    { return hiddenPath, true }
