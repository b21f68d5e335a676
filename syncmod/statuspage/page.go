package statuspage

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

//go:embed assets
var embedded embed.FS

// Option is an option of [New] and [Serve].
type Option func(*options)

type options struct {
	metrics http.Handler
	hosts   []string
}

// Metrics makes the page serve the metrics of the program at the path "metrics". For
// Prometheus, pass the handler of its client library.
func Metrics(h http.Handler) Option { return func(o *options) { o.metrics = h } }

// Hosts adds names under which browsers may ask for the page, for example the name of a proxy in
// front of it. IP addresses and localhost are always allowed.
func Hosts(names ...string) Option {
	return func(o *options) { o.hosts = append(o.hosts, names...) }
}

const (
	maxStreams   = 64                     // how many clients can follow at the same time
	pace         = 200 * time.Millisecond // the shortest time between changes that are sent
	slowest      = time.Second            // the longest time between them
	sparse       = 500                    // the pause after a document, as a multiple of the time to write it
	writeTimeout = 5 * time.Second        // a client that takes longer to read what it is sent is dropped
	scrapes      = 6                      // a scrape of the metrics may take this many times writeTimeout
)

// Page is an [http.Handler] that shows the ceremonies of a service. [New] creates one.
type Page struct {
	options
	history history
	mux     http.ServeMux
	streams chan struct{} // one element for each client that follows
	drop    time.Duration // writeTimeout, except in tests

	stop   context.CancelFunc
	ending chan struct{} // closed when the page begins to close
	closed sync.Once
	done   chan struct{} // closed when the service is no longer watched

	mu       sync.Mutex
	rendered map[string]rendering
	pause    time.Duration // between two documents
}

// New returns a page for a service. The page notes which ceremonies the service opens and how
// they end, until the page is closed. It may be created before the service starts.
func New(s *syncmod.Service, opts ...Option) *Page {
	ctx, stop := context.WithCancel(context.Background())
	p := &Page{
		streams: make(chan struct{}, maxStreams), drop: writeTimeout,
		rendered: make(map[string]rendering), pause: pace,
		stop: stop, ending: make(chan struct{}), done: make(chan struct{}),
	}
	for _, opt := range opts {
		opt(&p.options)
	}
	p.route()
	p.history.changed = make(chan struct{})
	go func() {
		defer close(p.done)
		p.history.watch(ctx, s)
	}()
	return p
}

// Document returns how the ceremonies stand now, as the path "status" does, for displays other
// than a browser.
func (p *Page) Document() Document { return newDocument(p.history.views(), "", time.Now()) }

// Close stops watching the service and ends the streams of the clients, which first get the last
// news. It waits until the page no longer watches the service. Closing a closed page does
// nothing.
func (p *Page) Close() {
	p.closed.Do(func() {
		close(p.ending)
		p.stop()
	})
	<-p.done
}

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if status, why := p.refuses(r); status != 0 {
		refuse(w, status, why)
		return
	}
	if r.URL.Path == "" { // http.StripPrefix has removed the whole path, and the links of the page are relative
		original, _, _ := strings.Cut(r.RequestURI, "?")
		w.Header().Set("Location", path.Base(original)+"/") // http.Redirect would make it absolute, without the prefix
		say(w, http.StatusPermanentRedirect, "the status page is at this address with a slash at its end")
		return
	}
	p.mux.ServeHTTP(w, r)
}

func (p *Page) route() {
	assets, _ := fs.Sub(embedded, "assets") // it cannot fail: the folder is embedded
	for name, kind := range map[string]string{
		"index.html": "text/html; charset=utf-8",
		"page.js":    "text/javascript; charset=utf-8",
		"style.css":  "text/css; charset=utf-8",
		"icon.svg":   "image/svg+xml",
	} {
		content, _ := fs.ReadFile(assets, name)
		at := "/" + name
		if name == "index.html" {
			at = "/{$}"
		}
		p.mux.HandleFunc(at, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, kind, content) })
	}
	p.mux.HandleFunc("/status", p.serveStatus)
	p.mux.HandleFunc("/events", p.serveEvents)
	p.mux.HandleFunc("/diagnosis", p.serveDiagnosis)
	p.mux.HandleFunc("/receipt", p.serveReceipt)
	p.mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	p.mux.HandleFunc("/readyz", p.serveReady)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusNotFound, "there is nothing here: the status page is at the top, its paths are "+
			"status, events, diagnosis, receipt, metrics, healthz and readyz")
	})
	p.mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		if p.metrics == nil {
			say(w, http.StatusNotFound, "this program gives the page no metrics")
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(scrapes * p.drop))
		p.metrics.ServeHTTP(w, r)
	})
}

// answer writes a whole response. It drops a client that does not read the response in time.
func answer(w http.ResponseWriter, status int, kind string, content []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // instead of the server's own
	w.WriteHeader(status)
	_, _ = w.Write(content) // the client may have gone
}

// say answers a request with a line of text.
func say(w http.ResponseWriter, status int, text string) {
	answer(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}
