package hostile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// evil is a text that a terminal would obey, and that would look like separate lines in
// a log.
const evil = "\x1b[2J\x1b[31mred\x07\x00\r\n" +
	"FORGED level=error msg=\"operator 1 (bob) did it\"\u0085\u2028\u202egnp.exe\x7f\ufeff"

// long repeats the text evil up to the given number of bytes, or a
// little less.
func long(bytes int) string {
	return strings.Repeat(evil, bytes/len(evil)+1)[:bytes/len(evil)*len(evil)]
}

// requireClean requires that no log, status or error contains dave's text as he sent
// it.
func (m *member) requireClean(t testing.TB) {
	t.Helper()
	for _, i := range honest {
		c := m.Nodes[i].Ceremony
		status := c.Status()
		text, err := json.Marshal(status)
		require.NoError(t, err)
		requirePrintable(t, string(text))
		require.NotContains(t, string(text), `\u`, "JSON escapes what cannot be printed, so \\u would show it")
		requirePrintable(t, fmt.Sprintf("%+v %v", status, status.Err))
		for _, p := range status.Peers {
			requireShort(t, p.Nickname, p.Version, fmt.Sprint(p.LastError))
		}
		if c.Err() != nil {
			requirePrintable(t, c.Err().Error())
			requireShort(t, c.Err().Error())
		}
		for line := range strings.Lines(m.Nodes[i].Logged()) {
			requirePrintable(t, strings.TrimSuffix(line, "\n"))
			require.Regexp(t, "^time=", line, "%s has logged a line without a time", harness.Name(i))
			requireShort(t, line)
		}
	}
}

func requirePrintable(t testing.TB, text string) {
	t.Helper()
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q in %q", r, text)
	}
}

// requireShort requires that texts have no more than a few lines.
func requireShort(t testing.TB, texts ...string) {
	t.Helper()
	const enough = 1536 // bytes: a quoted reason in a sentence, with all fields of a line
	for _, text := range texts {
		require.LessOrEqual(t, len(text), enough, text)
	}
}
