// Package prometheus_test checks that the rules use only metrics that exist. If
// promtool is installed, it also runs the tests of the rules.
package prometheus_test

import (
	"cmp"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	row  = regexp.MustCompile("(?m)^\\| `(dkgsync\\.[a-z._]+)` \\| ([a-z -]+) \\| `([^`]+)` \\|(.*)\\|$")
	code = regexp.MustCompile("`([a-z._]+)`")
	word = regexp.MustCompile(`\bdkgsync_[a-z_]+`)
)

// known returns the names that Prometheus makes of the metrics and
// attributes in the README of package telemetry. Another test compares that README
// with what a node emits.
func known(t *testing.T) map[string]bool {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	words := make(map[string]bool)
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		name := strings.ReplaceAll(m[1], ".", "_")
		if m[3] == "s" {
			name += "_seconds"
		}
		switch m[2] {
		case "counter":
			words[name+"_total"] = true
		case "histogram":
			words[name+"_bucket"], words[name+"_sum"], words[name+"_count"] = true, true, true
		default:
			words[name] = true
		}
		for _, attribute := range code.FindAllStringSubmatch(m[4], -1) {
			words[strings.ReplaceAll(attribute[1], ".", "_")] = true
		}
	}
	require.Greater(t, len(words), 16)
	return words
}

func TestRulesAndDocsNameRealMetrics(t *testing.T) {
	words := known(t)
	for _, file := range []string{
		"rules.yml", "rules_test.yml", "../grafana/fleet.json", "../../docs/observability.md",
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, w := range word.FindAllString(string(text), -1) {
			require.True(t, words[w], "%s of %s", w, file)
		}
	}
}

func TestTheRulesPassTheirTests(t *testing.T) {
	promtool, err := exec.LookPath(cmp.Or(os.Getenv("PROMTOOL"), "promtool"))
	if err != nil {
		t.Skip("no promtool: make test-prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "rules.yml"}, {"test", "rules", "rules_test.yml"}} {
		check := exec.CommandContext(t.Context(), promtool, args...) //nolint:gosec // found in the path
		out, err := check.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}
