package jaeger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// server is the Jaeger of this test run, or nil if there is no binary.
var server *jaegerServer

type jaegerServer struct {
	query, otlpGRPC, otlpHTTP int // ports on loopback
}

func TestMain(m *testing.M) {
	binary := os.Getenv("JAEGER_BIN")
	if binary == "" {
		os.Exit(m.Run())
	}
	stop, err := startServer(binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting Jaeger:", err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

// startServer runs Jaeger on free ports and waits until it answers.
func startServer(binary string) (stop func(), err error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	server = &jaegerServer{query: ports[0], otlpGRPC: ports[1], otlpHTTP: ports[2]}
	cmd := exec.CommandContext( //nolint:gosec // the person who runs the tests names the binary
		context.Background(), binary, "--config", "jaeger.yaml",
	)
	cmd.Env = append(os.Environ(),
		fmt.Sprint("JAEGER_QUERY_PORT=", ports[0]), fmt.Sprint("JAEGER_OTLP_GRPC_PORT=", ports[1]),
		fmt.Sprint("JAEGER_OTLP_HTTP_PORT=", ports[2]), fmt.Sprint("JAEGER_QUERY_GRPC_PORT=", ports[3]))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	var how error // set when Jaeger has ended
	go func() {
		defer close(ended)
		how = cmd.Wait()
	}()
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(harness.Patience):
			_ = cmd.Process.Kill()
		}
	}
	deadline := time.After(harness.Patience)
	for pause := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-pause.C:
			if _, err := get[[]string](context.Background(), "/api/services", nil); err == nil {
				return stop, nil
			}
		case <-ended:
			return nil, fmt.Errorf("it ended: %w", how)
		case <-deadline:
			stop()
			return nil, fmt.Errorf("it does not answer within %s", harness.Patience)
		}
	}
}

// freePorts finds ports that are free now.
func freePorts(n int) ([]int, error) {
	var config net.ListenConfig
	listeners, ports := make([]net.Listener, n), make([]int, n)
	defer func() {
		for _, l := range listeners {
			if l != nil {
				_ = l.Close()
			}
		}
	}()
	for i := range ports {
		l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners[i], ports[i] = l, l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// get asks the API that Jaeger's user interface uses.
func get[T any](ctx context.Context, path string, query url.Values) (data T, err error) {
	address := url.URL{
		Scheme:   "http",
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(server.query)),
		Path:     path,
		RawQuery: query.Encode(),
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return data, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return data, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return data, fmt.Errorf("%s: %s", path, response.Status)
	}
	var envelope struct{ Data T }
	err = json.NewDecoder(response.Body).Decode(&envelope)
	return envelope.Data, err
}

// The answers of the API, as far as the tests need them.
type (
	jaegerTrace struct {
		TraceID   string
		Spans     []span
		Processes map[string]process
		Warnings  []string
	}
	process struct {
		ServiceName string
		Tags        []tag
	}
	span struct {
		SpanID        string
		Duration      int64 // µs
		OperationName string
		References    []reference
		Tags          []tag
		Logs          []struct{ Fields []tag }
		ProcessID     string
		Warnings      []string
	}
	reference struct{ RefType, TraceID, SpanID string }
	tag       struct {
		Key   string
		Value any
	}
)

func value(tags []tag, key string) any {
	for _, t := range tags {
		if t.Key == key {
			return t.Value
		}
	}
	return nil
}

func (s span) tag(key string) any { return value(s.Tags, key) }

// parent returns the ID of the span's parent, if it has one.
func (s span) parent() string {
	for _, r := range s.References {
		if r.RefType == "CHILD_OF" {
			return r.SpanID
		}
	}
	return ""
}

// links returns the IDs of the spans that this span links to.
func (s span) links() (ids []string) {
	for _, r := range s.References {
		if r.RefType != "CHILD_OF" {
			ids = append(ids, r.SpanID)
		}
	}
	return ids
}

// called returns the spans whose attribute dkgsync.span has the given value. If kind is not empty, their
// kind must match too.
func (t jaegerTrace) called(name, kind string) (spans []span) {
	for _, s := range t.Spans {
		if s.tag("dkgsync.span") == name && (kind == "" || s.tag("span.kind") == kind) {
			spans = append(spans, s)
		}
	}
	return spans
}

// instances returns the service.instance.ids in a trace.
func (t jaegerTrace) instances() (ids []string) {
	for _, p := range t.Processes {
		ids = append(ids, fmt.Sprint(value(p.Tags, "service.instance.id")))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// instance returns the node that a span comes from.
func (t jaegerTrace) instance(s span) string {
	return fmt.Sprint(value(t.Processes[s.ProcessID].Tags, "service.instance.id"))
}

// service returns the service that a span comes from.
func (t jaegerTrace) service(s span) string { return t.Processes[s.ProcessID].ServiceName }

// row returns what Jaeger's page shows of a span: its service and its operation. For a
// CLIENT span without children, an arrow and the peer stand between them.
func (t jaegerTrace) row(s span) string {
	row := t.service(s)
	child := func(other span) bool { return other.parent() == s.SpanID }
	if peer := s.tag("peer.service"); peer != nil && s.tag("span.kind") == "client" &&
		!slices.ContainsFunc(t.Spans, child) {
		row += fmt.Sprint(" → ", peer)
	}
	return row + " " + s.OperationName
}

// rows returns all distinct rows of a trace.
func (t jaegerTrace) rows() (rows []string) {
	for _, s := range t.Spans {
		rows = append(rows, t.row(s))
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// warnings returns all warnings of Jaeger about a trace.
func (t jaegerTrace) warnings() (all []string) {
	all = append(all, t.Warnings...)
	for _, s := range t.Spans {
		for _, w := range s.Warnings {
			all = append(all, s.OperationName+": "+w)
		}
	}
	return all
}

// traceOf waits until a trace is complete, because nodes export in batches.
func traceOf(t *testing.T, id string, complete func(jaegerTrace) bool) jaegerTrace {
	t.Helper()
	var last jaegerTrace
	require.Eventually(t, func() bool {
		found, err := get[[]jaegerTrace](t.Context(), "/api/traces/"+id, nil)
		if err != nil || len(found) != 1 {
			return false
		}
		last = found[0]
		return complete(last)
	}, harness.Patience, 100*time.Millisecond, "trace %s", id)
	return last
}

// withCeremonies returns a condition: n ceremonies have ended in the trace, one for
// each node.
func withCeremonies(n int) func(jaegerTrace) bool {
	return func(trace jaegerTrace) bool { return len(trace.called("dkgsync.ceremony", "")) == n }
}

// search finds spans as a person does: for the service of each node in turn, by tags.
func (c *cluster) search(tags map[string]string) []span { return c.searchLong(tags, time.Microsecond) }

// searchLong is like search, but finds only spans that last at least as long as the
// parameter least.
func (c *cluster) searchLong(tags map[string]string, least time.Duration) (found []span) {
	c.t.Helper()
	text, err := json.Marshal(tags)
	require.NoError(c.t, err)
	for _, service := range c.services {
		query := url.Values{
			"service": {service}, "tags": {string(text)}, "minDuration": {least.String()},
			"lookback": {"1h"}, "limit": {"20"},
		}
		traces, err := get[[]jaegerTrace](c.t.Context(), "/api/traces", query)
		require.NoError(c.t, err)
		for _, trace := range traces {
			for _, s := range trace.Spans {
				if trace.service(s) == service && matches(s, tags) && s.Duration >= least.Microseconds() {
					found = append(found, s)
				}
			}
		}
	}
	return found
}

func matches(s span, tags map[string]string) bool {
	for key, want := range tags {
		if fmt.Sprint(s.tag(key)) != want {
			return false
		}
	}
	return true
}
