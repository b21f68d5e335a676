package statuspage

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy allows the page to load its own files and to ask its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// secure sets the headers of every response.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// refuses returns the status and the reason if a request is refused, and 0 if it is served.
func (p *Page) refuses(r *http.Request) (status int, why string) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return http.StatusMethodNotAllowed, "the page is read-only: it answers only GET and HEAD"
	case r.ContentLength != 0:
		return http.StatusBadRequest, "a request for the page must not have a body"
	case !p.isOurs(r.Host):
		return http.StatusForbidden, fmt.Sprintf("the page answers under IP addresses, localhost and the names that "+
			"the program gives it (statuspage.Hosts), and not under %q", cut(r.Host))
	case isForeign(r.Header):
		return http.StatusForbidden, "another site's page asks for this: only the page itself may"
	}
	return 0, ""
}

// refuse sends the answer to a request that is refused, and closes the connection, because what
// follows on the connection may be the body of the request.
func refuse(w http.ResponseWriter, status int, why string) {
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	w.Header().Set("Connection", "close")
	say(w, status, why)
}

// isOurs reports whether a Host header is one that no page of another site can have. A name
// that belongs to somebody else may resolve to this machine, so a name must be known. An IP
// address leads only to its own machine.
func (p *Page) isOurs(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		slices.ContainsFunc(p.hosts, func(own string) bool { return strings.EqualFold(own, name) })
}

// isForeign reports whether the page of another site made a request. Following a link to this
// page does not count.
func isForeign(h http.Header) bool {
	site := h.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && h.Get("Sec-Fetch-Mode") != "navigate"
}

// cut shortens a text that a client sent.
func cut(s string) string {
	const enough = 64
	if len(s) > enough {
		return s[:enough] + "…"
	}
	return s
}
