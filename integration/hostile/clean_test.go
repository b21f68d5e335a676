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

// evil is a text that a terminal would obey, and that a log would take for lines
// of its own.
const evil = "\x1b[2J\x1b[31mred\x07\x00\r\n" +
	"FORGED level=error msg=\"operator 1 (bob) did it\"\u0085\u2028\u202egnp.exe\x7f\ufeff"

// long is a text of so many bytes, full of that.
func long(bytes int) string {
	return strings.Repeat(evil, bytes/len(evil)+1)[:bytes/len(evil)*len(evil)]
}

// requireClean requires that nothing of what dave has said has reached a log, a
// status or an error as he has said it.
func (m *member) requireClean(t testing.TB) {
	t.Helper()
	for _, i := range honest {
		c := m.Nodes[i].Ceremony
		status := c.Status()
		text, err := json.Marshal(status)
		require.NoError(t, err)
		requirePrintable(t, string(text))
		require.NotContains(t, string(text), `\u`, "JSON escapes what cannot be printed: then it was there")
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
			require.Regexp(t, "^time=", line, "%s has logged what is no line of its own", harness.Name(i))
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

// requireShort requires that texts are no longer than a few lines.
func requireShort(t testing.TB, texts ...string) {
	t.Helper()
	const enough = 1536 // bytes: a reason, passed on in a sentence, with all the fields of a line
	for _, text := range texts {
		require.LessOrEqual(t, len(text), enough, text)
	}
}
