package statuspage_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// newApp returns a node that takes part in a ceremony of two from its start, and serves a page.
func newApp(t *testing.T, more ...fx.Option) *fx.App {
	t.Helper()
	c := harness.New(t, 2)
	return fx.New(append(more,
		fx.Provide(func() host.Host { return c.Nodes[0].Host }),
		fx.Supply(harness.Quiet(), c.Definition(0, t.Name())),
		syncmod.Module,
		syncmod.RunSteps(func() []syncmod.Step { return nil }),
	)...)
}

var quietly = fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger })

func read(t *testing.T, url string) string {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

func TestAnAppServesItsPage(t *testing.T) {
	var server *statuspage.Server
	app := newApp(t, quietly, statuspage.Serve(":0"), fx.Populate(&server))
	require.NoError(t, app.Err())
	require.Empty(t, server.URL())
	for range 2 { // an app can be started again
		require.NoError(t, app.Start(harness.Within(t)))

		url := server.URL()
		require.True(t, strings.HasPrefix(url, "http://127.0.0.1:"), url)
		require.Contains(t, read(t, url), "<title>DKG ceremony</title>")
		harness.Eventually(t, func() bool {
			return strings.Contains(read(t, url+"diagnosis"), "Waiting for bob to connect.")
		}, "the ceremony is shown")

		require.NoError(t, app.Stop(harness.Within(t)))
		require.Empty(t, server.URL())
	}
}

// hooks notes in which order hooks start and stop.
type hooks struct {
	mu  sync.Mutex
	all []string
}

func (h *hooks) LogEvent(e fxevent.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := e.(type) {
	case *fxevent.OnStartExecuting:
		h.all = append(h.all, "start "+e.FunctionName[strings.LastIndex(e.FunctionName, "/")+1:])
	case *fxevent.OnStopExecuting:
		h.all = append(h.all, "stop "+e.FunctionName[strings.LastIndex(e.FunctionName, "/")+1:])
	}
}

func TestThePageStartsFirstAndStopsLast(t *testing.T) {
	events := new(hooks)
	app := newApp(t, fx.WithLogger(func() fxevent.Logger { return events }), statuspage.Serve("127.0.0.1:0"))
	require.NoError(t, app.Start(harness.Within(t)))

	require.NoError(t, app.Stop(harness.Within(t)))

	require.Equal(t, "start statuspage.(*Server).Start-fm()", events.all[0])
	require.Equal(t, "stop statuspage.(*Server).Stop-fm()", events.all[len(events.all)-1])
}

func TestAClientDoesNotDelayTheStop(t *testing.T) {
	var server *statuspage.Server
	app := newApp(t, quietly, statuspage.Serve("127.0.0.1:0"), fx.Populate(&server))
	require.NoError(t, app.Start(harness.Within(t)))
	response, err := http.Get(server.URL() + "events")
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // it was read
	defer http.DefaultClient.CloseIdleConnections()

	require.NoError(t, app.Stop(harness.Within(t)))

	said, err := io.ReadAll(response.Body)
	require.NoError(t, err, "it has ended as it should")
	require.Contains(t, string(said), "event: end\ndata: {")
	last := string(said[strings.LastIndex(string(said), "event: end"):])
	require.Contains(t, last, "The ceremony has failed: this node was stopped", "which is the last news")
}

func TestAPortInUseFailsTheStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close() //nolint:errcheck // nothing was accepted
	app := newApp(t, quietly, statuspage.Serve(taken.Addr().String()))

	err = app.Start(harness.Within(t))

	require.ErrorIs(t, err, statuspage.ErrListen)
	require.EqualError(t, err, "the status page cannot listen at "+taken.Addr().String()+
		": the port is in use, by another node or another program: choose another one")
}

func TestABadAddressFailsAtOnce(t *testing.T) {
	for _, addr := range []string{
		"", "8080", "127.0.0.1", "127.0.0.1:http:80", "127.0.0.1:99999", "127.0.0.1:-1",
		"::1:8080",
	} {
		err := fx.New(quietly, statuspage.Serve(addr)).Err()

		require.ErrorContains(t, err, "is no address to serve the status page at: give it as 127.0.0.1:8080", addr)
	}
}

func TestWithoutAHostNothingIsServed(t *testing.T) {
	var server *statuspage.Server
	app := fx.New(quietly, statuspage.Serve("127.0.0.1:0"), syncmod.ModuleIfHost, fx.Populate(&server))
	require.NoError(t, app.Start(context.Background()))

	require.Empty(t, server.URL())

	require.NoError(t, app.Stop(context.Background()))
}

func TestConnectionsAreBounded(t *testing.T) {
	var server *statuspage.Server
	app := newApp(t, quietly, statuspage.Serve("127.0.0.1:0"), fx.Populate(&server))
	require.NoError(t, app.Start(harness.Within(t)))
	addr := strings.Trim(strings.TrimPrefix(server.URL(), "http://"), "/")
	var conns []net.Conn
	for range 128 {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		conns = append(conns, c)
	}

	one, err := net.Dial("tcp", addr) // one too many
	require.NoError(t, err)
	_, _ = io.WriteString(one, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") // it may be closed by then
	_, err = one.Read(make([]byte, 1))
	require.Error(t, err, "it is not answered")

	for _, c := range append(conns, one) {
		require.NoError(t, c.Close())
	}
	harness.Eventually(t, func() bool {
		response, err := http.Get(server.URL() + "healthz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, "there is room again")
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, app.Stop(harness.Within(t)))
}
