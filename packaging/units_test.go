package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
	"github.com/stretchr/testify/require"
)

// units holds the units, and the command that each runs.
var units = map[string]string{"fxapp.service": "node", "fxapp-relay.service": "relay"}

func TestUnitsStartFxapp(t *testing.T) {
	for name, command := range units {
		options := readUnit(t, name)

		require.Equal(t, []string{"/usr/local/bin/fxapp " + command}, values(options, "ExecStart"), name)
	}
}

// If an option that may be repeated appears several times in a unit, systemd uses all of its values. If any other
// option appears several times, systemd uses the last one.
func TestUnitsSetEachOptionOnce(t *testing.T) {
	adds := map[string]bool{"Environment": true, "SystemCallFilter": true}
	for name := range units {
		said := make(map[string]bool)
		for _, o := range readUnit(t, name) {
			require.Contains(t, []string{"Unit", "Service", "Install"}, o.Section, name)
			require.False(t, said[o.Name] && !adds[o.Name], "%s: %s", name, o.Name)
			said[o.Name] = true
		}
	}
}

func TestUnitsHaveKnownFlags(t *testing.T) {
	for name, command := range units {
		for _, pair := range values(readUnit(t, name), "Environment") {
			variable, _, _ := strings.Cut(pair, "=")
			requireKnown(t, command, variable)
		}
	}
}

// systemd complains of options that it does not know, and of a program that does not exist.
func TestUnitsInSystemd(t *testing.T) {
	analyze := systemdAnalyze(t)
	for name := range units {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		copied := filepath.Join(t.TempDir(), name)
		installed := strings.ReplaceAll(string(text), "/usr/local/bin/fxapp", program(t))
		require.NoError(t, os.WriteFile(copied, []byte(installed), 0o600))

		said, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", copied).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, said)
		require.Empty(t, string(said), name)
	}
}

// systemd rates the exposure from 0 to 10. Less is better, and a service without sandboxing gets
// almost 10.
func TestUnitsLeaveLittleExposed(t *testing.T) {
	analyze := systemdAnalyze(t)
	for name := range units {
		path, err := filepath.Abs(name)
		require.NoError(t, err)

		said, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=15", path).
			CombinedOutput()
		require.NoError(t, err, "%s: %s", name, said)
	}
}

func readUnit(t *testing.T, name string) []*unit.UnitOption {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	options, err := unit.DeserializeOptions(file)
	require.NoError(t, err)
	return options
}

// values returns the values of an option, in the unit's order.
func values(options []*unit.UnitOption, name string) []string {
	var found []string
	for _, o := range options {
		if o.Name == name {
			found = append(found, o.Value)
		}
	}
	return found
}

func systemdAnalyze(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze")
	}
	return path
}
