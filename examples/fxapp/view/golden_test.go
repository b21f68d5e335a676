package view

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// situations are documents of real ceremonies; make view-documents records them.
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

var someLog = []string{
	"12:00:00.000  this node is operator 0 (alice) of 4",
	"12:00:00.010  the definition's hash is 2dcb4db91a52a61a",
	"12:00:01.120  operator 1 (bob) connected, 2 of 4 connected",
	"12:00:02.340  WARNING  operator 3 (dave) still unreachable after 10s",
}

func newScreen(d statuspage.Document, width, height int) *screen {
	s := &screen{width: width, height: height, doc: d, zone: time.UTC, log: someLog}
	if d.Ceremony != nil {
		s.selected = matters(d.Ceremony)[0]
	}
	return s
}

// emulate shows a screen in a terminal, and reads it from there.
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
