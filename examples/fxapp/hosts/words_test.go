package hosts_test

import (
	"context"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
)

const aPeer = "/p2p/16Uiu2HAmGYv6vzHkzCvSkSVUmTxqLDm1rVVEUxkqKiYbUGfJ4kSP"

func TestABadAddressIsNamed(t *testing.T) {
	for name, scene := range map[string]struct{ listen, relay, says string }{
		"no multiaddr": {
			listen: "127.0.0.1:9000",
			says:   `listen address "127.0.0.1:9000": it is not an address: write it as /ip4/`,
		},
		"a name":             {listen: "/dns4/a.example/tcp/9000", says: "it is a name: listen on an IP address"},
		"another transport":  {listen: "/ip4/127.0.0.1/tcp/9000/ws", says: "it is neither TCP nor QUIC at"},
		"UDP alone":          {listen: "/ip4/127.0.0.1/udp/9000", says: "it is neither TCP nor QUIC at"},
		"a peer":             {listen: "/ip4/127.0.0.1/tcp/1" + aPeer, says: "leave out /p2p/…"},
		"a relay's circuit":  {listen: "/ip4/1.1.1.1/tcp/1" + aPeer + "/p2p-circuit", says: "cannot listen at a relay"},
		"no relay":           {relay: "relay.example:9000", says: `relay "relay.example:9000": it is not an address`},
		"nobody there":       {relay: "/ip4/192.0.2.1/tcp/9000", says: "it must end in the relay's /p2p/ID"},
		"nowhere":            {relay: aPeer, says: "it does not say where the relay is"},
		"a circuit":          {relay: "/ip4/192.0.2.1/tcp/1" + aPeer + "/p2p-circuit", says: "leave out /p2p-circuit"},
		"another scheme":     {relay: "ftp://relay.example", says: "write https:// or http://"},
		"a URL without host": {relay: "https:///list", says: "write https:// or http://"},
		"a bad URL":          {relay: "https://me:secret@a.example:port", says: `"https://…@a.example:port": it is`},
	} {
		t.Run(name, func(t *testing.T) {
			c := hosts.Config{Key: newKey(t), Listen: texts(scene.listen), Relays: texts(scene.relay)}

			err := c.Validate()

			require.ErrorContains(t, err, scene.says)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func texts(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func TestUsualAddressesAreAccepted(t *testing.T) {
	c := hosts.Config{
		Key: newKey(t),
		Listen: []string{
			"/ip4/0.0.0.0/tcp/9000", "/ip6/::/udp/9000/quic-v1", "/ip6zone/eth0/ip6/fe80::1/tcp/9000",
		},
		Relays: []string{
			"/dns4/relay.example/tcp/9000" + aPeer, "/ip6/2001:db8::1/udp/9000/quic-v1" + aPeer,
			"https://me:secret@relay.example/list", "http://127.0.0.1:3640",
		},
	}

	require.NoError(t, c.Validate())
}

func TestAnUnusableListenAddress(t *testing.T) {
	busy := startRelay(t, tcp4, quic4)
	for name, scene := range map[string]struct{ listen, says string }{
		"a TCP port in use":  {busy.listen[0], "another program uses the port"},
		"a QUIC port in use": {busy.listen[1], "another program uses the port"},
		"another machine's":  {"/ip4/192.0.2.1/tcp/0", "no network interface of this machine has that address"},
		"... over QUIC":      {"/ip4/192.0.2.1/udp/0/quic-v1", "no network interface of this machine has that address"},
	} {
		t.Run(name, func(t *testing.T) {
			config := hosts.Config{Key: newKey(t), Listen: []string{scene.listen}, Members: make([]peer.ID, 2)}
			app := fx.New(
				fx.Supply(logrus.New(), config),
				fx.Provide(hosts.New), fx.Invoke(hosts.Listen),
				fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
			)

			err := app.Start(t.Context())

			var l *hosts.ListenError
			require.ErrorAs(t, err, &l)
			require.ErrorContains(t, l, "listening on "+scene.listen+": "+scene.says)
			require.NoError(t, app.Stop(t.Context()))
		})
	}
}

// silent returns an address where a listener never says anything.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return "/ip4/127.0.0.1/tcp/" + port
}

func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAUselessRelayIsExplained(t *testing.T) {
	closed := startRelay(t, tcp4)
	require.NoError(t, closed.Close())
	r := startRelay(t, tcp4)
	member := cluster{listen: []string{tcp4}}
	member.start(t, 2)
	noRelay := member.nodes[0].host

	secret := httptest.NewTLSServer(r)
	secret.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	t.Cleanup(secret.Close)

	many := "[" + strings.Repeat(`"x",`, 99) + `"x"]`
	for name, scene := range map[string]struct{ relay, says string }{
		"a certificate":       {secret.URL, "certificate signed by unknown authority"},
		"it is down":          {closed.listen[0] + aPeer, "connection refused"},
		"somebody else":       {r.listen[0] + aPeer, "another host, " + r.ID().String() + ", is at its address"},
		"not a relay":         {noRelay.Addrs()[0].String() + "/p2p/" + noRelay.ID().String(), "is not a relay"},
		"silence":             {silent(t) + aPeer, "no answer"},
		"an unknown name":     {"http://relay.invalid", "relay.invalid"},
		"a status":            {answering(t, http.StatusNotFound, "[]"), "the status 404 Not Found"},
		"a web page":          {answering(t, http.StatusOK, "<html>\x1b[31m"), "does not answer with a JSON list"},
		"an object":           {answering(t, http.StatusOK, `{"a":1}`), "does not answer with a JSON list"},
		"an empty list":       {answering(t, http.StatusOK, "[]"), "no address ends in a relay's /p2p/ID"},
		"other addresses":     {answering(t, http.StatusOK, `["/ip4/1.1.1.1/tcp/1","enr:-x"]`), "no address ends in"},
		"a very long answer":  {answering(t, http.StatusOK, strings.Repeat(" ", 1<<20)), "more than 64 KiB"},
		"very many addresses": {answering(t, http.StatusOK, many), "answers with 100 addresses"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster{relays: []string{scene.relay}}
			c.start(t, 2)

			log := c.nodes[0].log
			eventually(t, func() bool { return strings.Contains(log.String(), "cannot be used") }, "a warning")

			require.Contains(t, log.String(), scene.says)
			require.NotContains(t, log.String(), "\x1b")
		})
	}
}

func TestARelayServesItsAddresses(t *testing.T) {
	r := startRelay(t, tcp4, quic4)
	page := r.page(t)
	for _, scene := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/", http.StatusOK},
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodGet, "/other", http.StatusNotFound},
	} {
		request, err := http.NewRequestWithContext(context.Background(), scene.method, page+scene.path, http.NoBody)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, scene.status, answer.StatusCode, "%s %s", scene.method, scene.path)
	}
	http.DefaultClient.CloseIdleConnections()
	for _, at := range r.at() {
		require.NoError(t, hosts.Config{Key: newKey(t), Relays: []string{at}}.Validate())
	}
	require.Len(t, r.at(), 2)
}

func TestARelayAnnouncesAddresses(t *testing.T) {
	r, err := hosts.NewRelay(hosts.RelayConfig{
		Key: newKey(t), Listen: []string{tcp4}, Announce: []string{"/dns4/relay.example/tcp/9000"},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()

	want := multiaddr.StringCast("/dns4/relay.example/tcp/9000/p2p/" + r.ID().String())
	require.Equal(t, []multiaddr.Multiaddr{want}, r.Addrs())
}
