package statuspage

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newPage returns the page of a service without ceremonies. It is closed at the end of the test.
func newPage(t *testing.T, opts ...Option) *Page {
	t.Helper()
	return pageOf(t, harness.StartService(t, harness.NewHost(t), harness.Fast()), opts...)
}

func pageOf(t testing.TB, s *syncmod.Service, opts ...Option) *Page {
	t.Helper()
	p := New(s, opts...)
	t.Cleanup(p.Close)
	return p
}

// get sends a request to a page, as a browser on the same machine does.
func get(h http.Handler, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8080"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// status returns what a page says about a ceremony.
func status(t *testing.T, p *Page, id string) Document {
	t.Helper()
	w := get(p, "/status?ceremony="+id)
	require.Equal(t, http.StatusOK, w.Code)
	var d Document
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &d))
	return d
}

// follower is a client that follows a page.
type follower struct {
	t      *testing.T
	events <-chan event
}

type event struct {
	name string
	said Document
}

// follow follows a page until the test ends.
func follow(t *testing.T, url string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	events, done := make(chan event, 1024), make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
		_ = response.Body.Close()
	})
	go func() {
		defer close(done)
		read(response.Body, events)
	}()
	return &follower{t: t, events: events}
}

// read reads events until there are none left.
func read(body io.Reader, events chan<- event) {
	defer close(events)
	e := event{name: "message"}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		name, isName := strings.CutPrefix(lines.Text(), "event: ")
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case isName:
			e.name = name
		case isData:
			_ = json.Unmarshal([]byte(data), &e.said)
		default:
			events <- e
			e = event{name: "message"}
		}
	}
}

// until waits for an event for which wanted returns true.
func (f *follower) until(wanted func(event) bool) event {
	f.t.Helper()
	return harness.Await(f.t, f.events, wanted)
}

// serve serves a page at an address of its own.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// headline matches events whose headline begins with a text.
func headline(begins string) func(event) bool {
	return func(e event) bool {
		return e.said.Ceremony != nil && strings.HasPrefix(e.said.Ceremony.Headline, begins)
	}
}
