package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireKnown asks the program whether a command has the flags that these variables
// set. It ignores variables that are not fxapp's.
func requireKnown(t *testing.T, command string, variables ...string) {
	t.Helper()
	help, err := exec.CommandContext(t.Context(), program(t), command, "--help").Output()
	require.NoError(t, err)
	for _, v := range variables {
		if strings.HasPrefix(v, "FXAPP_") {
			require.Contains(t, string(help), "["+v+"]", "fxapp %s has no flag for %s", command, v)
		}
	}
}

// program returns the path of the fxapp that the tests ask.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("FXAPP_BIN")
	if path == "" {
		t.Skip("needs FXAPP_BIN: run `make test-packaging`")
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}
