package prometheus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// server is a Prometheus that scrapes nodes and evaluates the rules.
type server struct {
	t       *testing.T
	address string
}

// startServer runs Prometheus for nodes that serve their metrics on these ports.
func startServer(t *testing.T, nodes []string, ports []int) *server {
	t.Helper()
	binary := os.Getenv("PROMETHEUS_BIN")
	if binary == "" {
		t.Skip("no PROMETHEUS_BIN: make test-prometheus")
	}
	rules, err := filepath.Abs("../../telemetry/prometheus/rules.yml")
	require.NoError(t, err)
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 500ms}\n"+
		"rule_files: [%q]\nscrape_configs:\n  - job_name: dkg\n    static_configs:\n", rules)
	for i, node := range nodes {
		if i == pushes {
			continue
		}
		fmt.Fprintf(&config, "      - {targets: ['127.0.0.1:%d'], labels: {instance: %s}}\n", ports[i], node)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config.String()), 0o600))
	s := &server{t: t, address: fmt.Sprint("127.0.0.1:", freePorts(t, 1)[0])}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext( //nolint:gosec // the person who runs the tests names the binary
		ctx, binary, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", s.address, "--web.enable-otlp-receiver", "--log.level", "error",
	)
	cmd.Stderr = os.Stderr
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, harness.Patience
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	harness.Eventually(t, func() bool {
		var answer json.RawMessage
		return s.ask("/api/v1/status/runtimeinfo", nil, &answer) == nil
	}, "Prometheus answers")
	return s
}

// freePorts finds ports that are free now.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var config net.ListenConfig
	listeners, ports := make([]net.Listener, n), make([]int, n)
	for i := range ports {
		l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners[i], ports[i] = l, l.Addr().(*net.TCPAddr).Port
	}
	for _, l := range listeners {
		require.NoError(t, l.Close())
	}
	return ports
}

// ask asks the API.
func (s *server) ask(path string, query url.Values, data any) error {
	address := url.URL{Scheme: "http", Host: s.address, Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	envelope := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("%s: %s: %w", path, response.Status, err)
	}
	if envelope.Status != "success" {
		return fmt.Errorf("%s: %s", path, envelope.Error)
	}
	return nil
}

// result is a series in the result of a query.
type result struct {
	Metric map[string]string
	Value  [2]any // the time, and the value as text
}

// query returns the current result of a query.
func (s *server) query(query string) []result {
	s.t.Helper()
	var answer struct{ Result []result }
	require.NoError(s.t, s.ask("/api/v1/query", url.Values{"query": {query}}, &answer), query)
	return answer.Result
}

// labels returns the labels that any series of a metric has.
func (s *server) labels(metric string) map[string]bool {
	s.t.Helper()
	var names []string
	require.NoError(s.t, s.ask("/api/v1/labels", url.Values{"match[]": {metric}}, &names))
	labels := make(map[string]bool)
	for _, name := range names {
		labels[name] = true
	}
	return labels
}

// alerts returns the states of all alerts that are not inactive, by name.
func (s *server) alerts() map[string]string {
	s.t.Helper()
	var answer struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	require.NoError(s.t, s.ask("/api/v1/alerts", nil, &answer))
	states := make(map[string]string)
	for _, a := range answer.Alerts {
		states[a.Labels["alertname"]] = a.State
	}
	return states
}
