package view

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// situations returns documents of real ceremonies. make view-documents records them.
func situations(t testing.TB) map[string]statuspage.Document {
	t.Helper()
	files, err := filepath.Glob("testdata/situations/*.json")
	require.NoError(t, err)
	all := make(map[string]statuspage.Document)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d statuspage.Document
		require.NoError(t, json.Unmarshal(text, &d))
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = d
	}
	require.NotEmpty(t, all)
	return all
}

// logOf returns a log that fits a document. It says the same as the screen.
func logOf(c *statuspage.Detail) (lines []string) {
	began := c.Since
	if len(c.Passed) > 0 {
		began = c.Passed[0].Since
	}
	came := slices.Clone(c.Members)
	slices.SortFunc(came, func(a, b statuspage.Member) int { return a.Since.Compare(b.Since) })
	for _, m := range came {
		if !m.Since.IsZero() && m.Since.Before(began) {
			began = m.Since
		}
	}
	add := func(at time.Time, format string, a ...any) {
		lines = append(lines, at.UTC().Format("15:04:05.000")+"  "+fmt.Sprintf(format, a...))
	}
	who := func(i int) string { return fmt.Sprintf("operator %d (%s)", i, c.Members[i].Name) }
	add(began, "this node is %s of %d", who(c.Self), len(c.Members))
	add(began, "the definition's hash is %s", c.Definition[:16])
	connected := 1
	for _, m := range came {
		if m.Index != c.Self && len(c.Passed) == 0 && (m.Path == "direct" || m.Path == "relay") {
			connected++
			add(m.Since, "%s connected (%d of %d connected)", who(m.Index), connected, len(c.Members))
		}
	}
	for _, b := range c.Passed {
		if b.Kind == "shutdown" && c.Waiting != nil {
			continue // a member is missing, so none was last
		}
		behind := ""
		if b.Behind >= 1 {
			behind = ", by " + brief(milliseconds(b.Behind))
		}
		add(b.Passed, "%s; %s was last%s", crossed(c, b), who(b.Last), behind)
	}
	switch {
	case c.Error != "":
		add(c.At, "ERROR  ceremony failed: %s", c.Error)
	case c.Phase == "complete" && c.Waiting != nil:
		add(c.At, "WARNING  ceremony complete: %s", c.Waiting.Text)
	case c.Phase == "complete":
		add(c.At, "ceremony complete")
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:12], b[:12]) })
	return lines
}

// crossed returns the log line of a barrier that a node has passed.
func crossed(c *statuspage.Detail, b statuspage.PassedBarrier) string {
	named := func(step int64) string {
		if step > int64(len(c.Steps)) {
			return fmt.Sprintf("step %d", step)
		}
		return fmt.Sprintf("step %d (%s)", step, c.Steps[step-1])
	}
	switch {
	case b.Kind == "connected":
		return "this node is connected to everyone"
	case b.Kind == "shutdown":
		return "everyone has said goodbye"
	case b.Step == 1:
		return "everyone is ready to begin " + named(1)
	}
	return "everyone has finished " + named(b.Step-1)
}

func newScreen(d statuspage.Document, width, height int) *screen {
	s := &screen{width: width, height: height, doc: d, zone: time.UTC}
	if d.Ceremony != nil {
		s.log = logOf(d.Ceremony)
		s.selected = matters(d.Ceremony)[0]
	}
	return s
}

// emulate shows a screen in an emulated terminal, from which tests read it.
func emulate(s *screen) *vt.Emulator {
	terminal := vt.NewEmulator(s.width, s.height)
	_, _ = terminal.WriteString(strings.Join(s.lines(), "\r\n"))
	return terminal
}

func textOf(terminal *vt.Emulator) string {
	lines := strings.Split(terminal.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func requireGolden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", "screens", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	golden, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./view -update writes it")
	require.Equal(t, string(golden), text)
}

func TestGoldenScreens(t *testing.T) {
	sizes := []struct{ width, height int }{{40, 8}, {40, 24}, {80, 24}, {100, 30}, {120, 40}, {200, 60}}
	for name, d := range situations(t) {
		for _, size := range sizes {
			name := fmt.Sprintf("%s-%dx%d", name, size.width, size.height)
			t.Run(name, func(t *testing.T) {
				requireGolden(t, name, textOf(emulate(newScreen(d, size.width, size.height))))
			})
		}
	}
}
