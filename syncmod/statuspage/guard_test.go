package statuspage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var everyPath = []string{
	"/", "/page.js", "/style.css", "/icon.svg", "/status", "/events", "/diagnosis", "/receipt", "/metrics", "/healthz",
	"/readyz", "/nothing",
}

func TestEveryResponseIsLockedDown(t *testing.T) {
	p := newPage(t)
	for _, path := range everyPath {
		head := get(p, path, func(r *http.Request) { r.Method = http.MethodHead }).Header()

		require.Contains(t, head.Get("Content-Security-Policy"),
			"default-src 'none'; script-src 'self'; style-src 'self'", path)
		require.NotContains(t, head.Get("Content-Security-Policy"), "unsafe", path)
		require.Equal(t, "nosniff", head.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", head.Get("Cache-Control"), path)
		require.Empty(t, head.Get("Access-Control-Allow-Origin"), path)
	}
}

func TestThePageBringsNothingInline(t *testing.T) {
	page := get(newPage(t), "/").Body.String()

	for _, inline := range []string{"<style", " style=", "<script>", " onclick", "javascript:", "http://", "https://"} {
		require.NotContains(t, page, inline)
	}
}

func TestThePageIsReadOnly(t *testing.T) {
	p := newPage(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "BREW"} {
		for _, path := range everyPath {
			w := get(p, path, func(r *http.Request) { r.Method = method })

			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, path)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	}
	w := get(p, "/status", func(r *http.Request) {
		body := httptest.NewRequest(http.MethodGet, "/", io.LimitReader(strings.NewReader("body"), 4))
		r.Body, r.ContentLength = body.Body, -1
	})
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Equal(t, "close", w.Header().Get("Connection"))
}

// Somebody else's domain can resolve to this machine. Then a browser lets the pages of that domain read this
// page.
func TestForeignNamesAreRefused(t *testing.T) {
	p := newPage(t, Hosts("dkg.example.org"))
	ours := []string{
		"127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "::1", "10.1.2.3:80", "localhost", "LOCALHOST:8080",
		"localhost.", "a.localhost",
		"dkg.example.org", "DKG.example.org:8443", "[fe80::1%eth0]:8080",
	}
	foreign := []string{
		"", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "xlocalhost",
		"dkg.example.org.evil.example", "2130706433", "0x7f000001", "127.1", "[evil.example]",
		"<script>alert(1)</script>",
	}
	for _, path := range everyPath {
		for _, host := range ours {
			require.NotEqual(t, http.StatusForbidden, get(p, path, headOf(host)).Code, "%q", host)
		}
		for _, host := range foreign {
			w := get(p, path, headOf(host))

			require.Equal(t, http.StatusForbidden, w.Code, "%q", host)
			require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			require.Less(t, w.Body.Len(), 512)
		}
	}
	require.Contains(t, get(p, "/", headOf("evil.example")).Body.String(), `not under "evil.example"`)
}

func headOf(host string) func(*http.Request) {
	return func(r *http.Request) { r.Host, r.Method = host, http.MethodHead }
}

func TestOtherSitesAreRefused(t *testing.T) {
	p := newPage(t)
	from := func(site, mode string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", mode)
		}
	}

	require.Equal(t, http.StatusForbidden, get(p, "/status", from("cross-site", "cors")).Code)
	require.Equal(t, http.StatusForbidden, get(p, "/status", from("same-site", "no-cors")).Code)
	require.Equal(t, http.StatusOK, get(p, "/status", from("same-origin", "cors")).Code)
	require.Equal(t, http.StatusOK, get(p, "/", from("cross-site", "navigate")).Code, "a link is followed")
	require.Equal(t, http.StatusOK, get(p, "/status").Code,
		"a client that is not a browser sends no Sec-Fetch-Site header")
}

func TestAPageIsMountedAnywhere(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/deep/dkg/", http.StripPrefix("/deep/dkg", newPage(t)))
	mux.Handle("/deep/dkg", http.StripPrefix("/deep/dkg", newPage(t)))
	url := serve(t, mux)

	for path, kind := range map[string]string{
		"": "text/html", "/": "text/html", "/?x=1": "text/html", "/page.js": "text/javascript",
		"/style.css": "text/css",
		"/icon.svg":  "image/svg+xml", "/status": "application/json", "/healthz": "text/plain",
	} {
		response, err := http.Get(url + "/deep/dkg" + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())

		require.Equal(t, http.StatusOK, response.StatusCode, path)
		require.Contains(t, response.Header.Get("Content-Type"), kind, path)
		require.True(t, strings.HasPrefix(response.Request.URL.Path, "/deep/dkg/"), response.Request.URL)
	}
	require.NotContains(t, get(newPage(t), "/").Body.String(), `="/`, "what the page links to is beside it")
}

func TestMetricsAreTheProgramsOwn(t *testing.T) {
	require.Equal(t, http.StatusNotFound, get(newPage(t), "/metrics").Code)

	p := newPage(t, Metrics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "dkgsync_step_current 3\n")
	})))

	require.Equal(t, "dkgsync_step_current 3\n", get(p, "/metrics").Body.String())
}
