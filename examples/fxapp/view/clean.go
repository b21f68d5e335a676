package view

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

const (
	replaced   = '\uFFFD'
	maxAccents = 2 // combining characters on one letter; no script needs more
)

// clean makes a text safe to show on one line. It replaces characters that could move the
// cursor, change the direction of the text, take no room, or take more room in one
// terminal than in another. All text goes through it, not only what members say.
func clean(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		cluster, width := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		if cluster == "" {
			cluster = text[:1]
		}
		text = text[len(cluster):]
		switch {
		case cluster == "\n" || cluster == "\t" || cluster == "\r\n":
			b.WriteByte(' ')
		case isSafe(cluster, width):
			b.WriteString(cluster)
		default:
			b.WriteRune(replaced)
		}
	}
	return b.String()
}

func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// isSafe reports whether all terminals show a cluster in the same way. A cluster is
// what readers see as one character.
func isSafe(cluster string, width int) bool {
	if width == 0 || width != ansi.StringWidthWc(cluster) || !utf8.ValidString(cluster) {
		return false
	}
	for i, r := range []rune(cluster) {
		switch {
		case i > maxAccents || unicode.Is(unicode.Other, r) || !unicode.IsGraphic(r):
			return false
		case i > 0 && !unicode.Is(unicode.Mn, r):
			return false
		}
	}
	return true
}
