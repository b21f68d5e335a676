package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The list must match the code: the lines of each mutant are in its file exactly
// once, and the changed file is valid Go.
func TestEveryMutantCanBeApplied(t *testing.T) {
	mutants, err := parse(list)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(mutants), 25)
	for _, m := range mutants {
		t.Run(m.sentence, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("..", "..", rules, m.file))
			require.NoError(t, err)
			mutated, err := m.mutate(string(source))
			require.NoError(t, err)
			_, err = parser.ParseFile(token.NewFileSet(), m.file, mutated, 0)
			require.NoError(t, err)
		})
	}
}
