package prometheus_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// panel is a panel of the dashboard.
type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ RefID, Expr, LegendFormat string }
}

type dashboard struct {
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("../../telemetry/grafana/fleet.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

func (d dashboard) panel(t *testing.T, title string) panel {
	t.Helper()
	i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == title })
	require.GreaterOrEqual(t, i, 0, title)
	return d.Panels[i]
}

var (
	inDocs  = regexp.MustCompile("`([^`]*dkgsync[_:][^`]*)`")
	legend  = regexp.MustCompile(`\{\{\s*([a-z_]+)\s*\}\}`)
	choices = regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`)
	filled  = strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", "1m", "$__range", "1h")
)

func TestEveryQueryFindsItsNames(t *testing.T) {
	ports := freePorts(t, members)
	names := make([]string, members)
	for i := range names {
		names[i] = harness.Name(i)
	}
	prometheus := startServer(t, names, ports)
	newScene(t, prometheus, ports).everything()
	recorded := func() bool { return len(prometheus.labels("dkgsync:rtt_seconds:p99_5m")) > 0 }
	harness.Eventually(t, recorded, "rules are evaluated")

	t.Run("dashboard", func(t *testing.T) { prometheus.in(t).checkDashboard(readDashboard(t)) })
	t.Run("rules", func(t *testing.T) { prometheus.in(t).checkRules() })
	t.Run("docs", func(t *testing.T) { prometheus.in(t).checkDocs() })
	t.Run("what does not exist", func(t *testing.T) { prometheus.in(t).checkMisspelt() })
}

func (s *server) in(t *testing.T) *server { return &server{t: t, address: s.address} }

// finds requires that a query names only what exists, and that its
// result is not empty.
func (s *server) finds(query string, labels ...string) {
	s.t.Helper()
	harness.Eventually(s.t, func() bool { return len(s.query(query)) > 0 }, query)
	require.NoError(s.t, s.check(query, labels...))
}

func (s *server) checkDashboard(d dashboard) {
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			var labels []string
			for _, m := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				labels = append(labels, m[1])
			}
			s.finds(filled.Replace(target.Expr), labels...)
		}
	}
	outcomes := make(map[string]any)
	for _, series := range s.query(filled.Replace(d.panel(s.t, "Ceremonies by outcome").Targets[0].Expr)) {
		outcomes[series.Metric["outcome"]] = series.Value[1]
	}
	require.Equal(s.t, map[string]any{"complete": "4", "aborted": "1", "peer_aborted": "3", "stopped": "1"}, outcomes)
	for _, variable := range d.Templating.List {
		if variable.Type != "query" {
			continue
		}
		query := variable.Query.(map[string]any)["query"].(string)
		parts := choices.FindStringSubmatch(filled.Replace(query))
		require.NotNil(s.t, parts, query)
		s.finds(parts[1], parts[2])
	}
}

// checkRules requires that the recorded series exist. promtool tests the thresholds of the alerts.
func (s *server) checkRules() {
	var answer struct {
		Groups []struct {
			Rules []struct{ Name, Query, Type, Health, LastError string }
		}
	}
	require.NoError(s.t, s.ask("/api/v1/rules", nil, &answer))
	require.Len(s.t, answer.Groups, 1)
	for _, rule := range answer.Groups[0].Rules {
		require.Equal(s.t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
		require.NoError(s.t, s.check(rule.Query))
		if rule.Type == "recording" {
			s.finds(rule.Name)
		}
	}
	// All others wait for the straggler. They are in one job, whether they push or are scraped.
	s.finds(fmt.Sprintf("dkgsync:peer_waited_for:count{job='dkg',dkgsync_peer_index='%d'} == %d", straggler, straggler))
	s.finds(`dkgsync_step_current{job="dkg/dkg-carol",instance="carol"}`)
	for _, alert := range []string{"DkgCeremonyFailed", "DkgLinkBroken", "DkgMemberUnreachable", "DkgThisNodeIsLast"} {
		harness.Eventually(s.t, func() bool { return s.alerts()[alert] != "" }, alert)
	}
	// The conditions of the other alerts must last for a while before they fire.
	require.Equal(s.t, "firing", s.alerts()["DkgCeremonyFailed"])
}

func (s *server) checkDocs() {
	text, err := os.ReadFile("../../docs/observability.md")
	require.NoError(s.t, err)
	queries := inDocs.FindAllStringSubmatch(string(text), -1)
	require.Greater(s.t, len(queries), 8)
	for _, q := range queries {
		if !strings.HasPrefix(q[1], "dkgsync_role=") { // the text is about this label
			s.finds(q[1])
		}
	}
}

// checkMisspelt requires that a query with an unknown metric or label is noticed.
func (s *server) checkMisspelt() {
	for query, wrong := range map[string]string{
		`rate(dkgsync_rtt_bucket[1m])`:                         `metric "dkgsync_rtt_bucket"`,
		`sum by (peer_index) (dkgsync_peer_step)`:              `label "peer_index"`,
		`dkgsync_messages_total{role!="client"}`:               `label "role"`,
		`dkgsync_step_current * on (node) dkgsync_streams`:     `label "node"`,
		`dkgsync_step_current + ignoring (of) dkgsync_streams`: `label "of"`,
		`label_replace(dkgsync_streams, "a", "", "role", "")`:  `label "role"`,
	} {
		require.ErrorContains(s.t, s.check(query), wrong)
	}
	require.ErrorContains(s.t, s.check("dkgsync_streams", "role"), `label "role"`)
}

func TestPanelsDoNotOverlap(t *testing.T) {
	ids := make(map[int]string)
	taken := make(map[[2]int]string)
	for _, p := range readDashboard(t).Panels {
		require.Empty(t, ids[p.ID], p.Title)
		ids[p.ID] = p.Title
		place := p.GridPos
		require.LessOrEqual(t, place.X+place.W, 24, p.Title)
		for x := place.X; x < place.X+place.W; x++ {
			for y := place.Y; y < place.Y+place.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" {
			require.NotEmpty(t, p.Targets, p.Title)
		}
	}
}
