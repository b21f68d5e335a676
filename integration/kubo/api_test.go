package kubo_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"
)

// connect connects the node to another one, as an operator does with `ipfs swarm
// connect`.
func (d *daemon) connect(to *daemon) {
	d.t.Helper()
	var listening struct{ Strings []string }
	require.NoError(d.t, json.Unmarshal([]byte(to.ask(http.MethodPost, "/api/v0/swarm/addrs/listen")), &listening))
	require.NotEmpty(d.t, listening.Strings)
	address := url.Values{"arg": {listening.Strings[0] + "/p2p/" + to.repo.id(d.t)}}
	d.ask(http.MethodPost, "/api/v0/swarm/connect?"+address.Encode())
}

// shows waits until the node's own Prometheus endpoint has a series with these labels
// and this value. Both are regular expressions.
func (d *daemon) shows(name, labels, value string) {
	d.t.Helper()
	series := regexp.MustCompile(`(?m)^` + name + `\{.*` + labels + `.*\} ` + value + `$`)
	var text string
	require.Eventually(d.t, func() bool {
		text = d.ask(http.MethodGet, "/debug/metrics/prometheus")
		return series.MatchString(text)
	}, patience, 100*time.Millisecond, "%s has no %s{%s} %s", d.name, name, labels, value)
}

// ask sends a request to the address of the RPC API.
func (d *daemon) ask(method, path string) string {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.api+path, http.NoBody)
	require.NoError(d.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(d.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, response.StatusCode, "%s of %s: %s", path, d.name, body)
	return string(body)
}

// apiOf returns the address of the RPC API of the daemon that runs on a repository.
func apiOf(r repo) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(r), "api"))
	if err != nil {
		return "", err
	}
	addr, err := multiaddr.NewMultiaddr(strings.TrimSpace(string(text)))
	if err != nil {
		return "", err
	}
	_, at, err := manet.DialArgs(addr)
	return "http://" + at, err
}
