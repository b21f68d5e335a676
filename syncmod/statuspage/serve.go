package statuspage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// ErrListen is returned when an app starts and its page cannot listen at its address, for
// example because the port is in use.
var ErrListen = errors.New("the status page cannot listen")

const (
	maxConnections = 128              // of which some are of clients that follow
	headerTimeout  = 5 * time.Second  // for the first bytes of a request
	idleTimeout    = 60 * time.Second // between two requests
	maxHeader      = 16 << 10         // bytes
	stopTimeout    = time.Second      // for what is being answered
)

// Serve serves the page of the graph's [syncmod.Service] at an address, host:port, from the
// start of the app to its stop. Without a host, as in ":8080", that is the loopback
// interface: others reach the page only at an address that names one of theirs, or
// all ("0.0.0.0:8080"). Port 0 is any free port: [Server.URL] tells which.
//
// The option starts and stops where it stands among the others: put it before
// [syncmod.Module], and the page is there before the ceremony is opened, and until everything
// else has stopped. An address that cannot be fails fx.New; one that cannot be listened at
// fails the start of the app, with an [ErrListen]. It provides a *[Server].
//
// In a graph without a Service, such as that of a [syncmod.ModuleIfHost] without a host,
// nothing is served.
func Serve(addr string, opts ...Option) fx.Option {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fx.Error(fmt.Errorf("%q is no address to serve the status page at: give it as 127.0.0.1:8080", addr))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	opts = append([]Option{Hosts(host)}, opts...)
	return fx.Options(
		fx.Provide(func(lc fx.Lifecycle) *Server {
			s := &Server{addr: net.JoinHostPort(host, port), opts: opts}
			lc.Append(fx.StartStopHook(s.Start, s.Stop))
			return s
		}),
		fx.Invoke(func(*Server) {}), // before the service is made, whose hooks then come later
		fx.Invoke(func(s *Server, found found) { s.service = found.Service }),
	)
}

type found struct {
	fx.In
	Service *syncmod.Service `optional:"true"`
}

// Server serves a page. [Serve] puts one into the graph.
type Server struct {
	addr    string
	opts    []Option
	service *syncmod.Service // nil: there is none

	url    atomic.Pointer[string]
	page   *Page
	server *http.Server
	served chan struct{} // closed when nothing is accepted any more
}

// URL returns where the page is, "http://127.0.0.1:8080/", once the app has started; before,
// and where nothing is served, it is empty.
func (s *Server) URL() string {
	if url := s.url.Load(); url != nil {
		return *url
	}
	return ""
}

// Start is a hook: fx events show its name.
func (s *Server) Start(ctx context.Context) error {
	if s.service == nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w at %s: the port is in use, by another node or another program: choose another one",
			ErrListen, s.addr)
	case err != nil:
		return fmt.Errorf("%w at %s: %w", ErrListen, s.addr, err)
	}
	url := "http://" + listener.Addr().String() + "/"
	s.url.Store(&url)
	s.page, s.served = New(s.service, s.opts...), make(chan struct{})
	s.server = newServer(s.page)
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // until Stop
	}()
	return nil
}

// newServer makes a server that no client can hold up.
func newServer(p *Page) *http.Server {
	return &http.Server{
		Handler: p, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ConnState: bounded(maxConnections), ErrorLog: log.New(io.Discard, "", 0),
	}
}

// Stop is the hook that ends it. It takes little more than a second, whatever the clients do.
func (s *Server) Stop(ctx context.Context) error {
	if s.page == nil {
		return nil
	}
	s.page.Close()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close() // a client that is slow does not matter
	}
	<-s.served
	s.page = nil
	s.url.Store(nil)
	return nil
}

// bounded closes connections that are too many at once.
func bounded(limit int64) func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if open.Add(1) > limit {
				_ = c.Close()
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
}
