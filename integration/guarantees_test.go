package integration_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	promised = regexp.MustCompile("`(Test\\w+)`")
	written  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	rooms    = regexp.MustCompile(`(?:^|[ ;])` +
		`(roster|stream|syncmod|networks|peers|hostile|sinks|soak|sim|mixed|limits|faults|nat|otelsdk) ` +
		`((?:` + "`Test\\w+`" + `(?: \([^)]*\))?(?:, )?)+)`)
)

// The tests that docs/guarantees.md names for its promises exist.
func TestEveryPromiseNamesItsTests(t *testing.T) {
	text, err := os.ReadFile("../docs/guarantees.md")
	require.NoError(t, err)
	found := 0
	for line := range strings.Lines(string(text)) {
		for _, room := range rooms.FindAllStringSubmatch(line, -1) {
			there := testsOf(t, room[1])
			for _, name := range promised.FindAllStringSubmatch(room[2], -1) {
				require.Contains(t, there, name[1], "in %s", room[1])
				found++
			}
		}
	}
	all := promised.FindAllString(string(text), -1)
	require.Len(t, all, found, "docs/guarantees.md names the package before its tests")
	require.NotZero(t, found)
}

// testsOf returns the names of the tests in a package.
func testsOf(t *testing.T, room string) map[string]bool {
	t.Helper()
	dir := map[string]string{
		"syncmod": "../syncmod", "roster": "../syncmod/internal/roster", "stream": "../syncmod/internal/stream",
		"otelsdk": "../telemetry/otelsdk",
	}[room]
	if dir == "" {
		dir = room
	}
	files, err := fs.Glob(os.DirFS(dir), "*_test.go")
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, file := range files {
		code, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		for _, name := range written.FindAllStringSubmatch(string(code), -1) {
			names[name[1]] = true
		}
	}
	return names
}
