package integration_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The code in docs/adopting.md comes line by line from programs and examples that the
// tests compile. The only exception is the recipe for celestia-node.
func TestTheRecipesCompile(t *testing.T) {
	var compiled strings.Builder
	for _, file := range []string{
		"../module_test.go", "../syncmod/example_adopting_test.go",
		"../examples/fxapp/node.go", "../examples/kubo/plugin.go",
	} {
		compiled.WriteString(withoutIndentation(read(t, file)))
	}
	blocks := 0
	for section := range strings.SplitSeq(read(t, "../docs/adopting.md"), "\n#") {
		heading, text, _ := strings.Cut(section, "\n")
		for i, block := range strings.Split(text, "```go\n") {
			if i == 0 {
				continue // the text before the first block
			}
			code, _, found := strings.Cut(block, "```")
			require.True(t, found)
			if strings.HasSuffix(heading, "celestia-node") {
				continue
			}
			require.Contains(t, compiled.String(), withoutIndentation(code), heading)
			blocks++
		}
	}
	require.Equal(t, 5, blocks)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func withoutIndentation(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t "))
	}
	return b.String()
}
