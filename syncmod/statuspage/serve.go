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

// ErrListen is returned when an app starts and the page cannot listen at its address, for
// example because the port is in use.
var ErrListen = errors.New("the status page cannot listen")

const (
	maxConnections = 128              // including those of clients that follow
	headerTimeout  = 5 * time.Second  // for the first bytes of a request
	idleTimeout    = 60 * time.Second // between two requests
	maxHeader      = 16 << 10         // bytes
	stopTimeout    = time.Second      // for answers in progress
)

// Serve serves the page of the graph's [syncmod.Service] at an address of the form host:port,
// from the start of the app to its stop. An empty host, as in ":8080", means the loopback
// interface. To let other machines reach the page, name an interface of this machine, or all of
// them with "0.0.0.0:8080". Port 0 means any free port; [Server.URL] returns which.
//
// The option starts and stops in its place among the other options. Put it before
// [syncmod.Module], so that the page exists before the ceremony is opened, and stays
// until the service has stopped. An impossible address makes fx.New fail. If the page
// cannot listen at the address, the start of the app fails with [ErrListen]. The option
// provides a *[Server].
//
// In a graph without a Service, such as the graph of a [syncmod.ModuleIfHost] without a host,
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
		fx.Invoke(func(*Server) {}), // made before the service, so that the hooks of the service come later
		fx.Invoke(func(s *Server, found found) { s.service = found.Service }),
	)
}

type found struct {
	fx.In
	Service *syncmod.Service `optional:"true"`
}

// Server serves a page. [Serve] provides a *Server to the graph.
type Server struct {
	addr    string
	opts    []Option
	service *syncmod.Service // nil if there is none

	url    atomic.Pointer[string]
	page   *Page
	server *http.Server
	served chan struct{} // closed when connections are no longer accepted
}

// URL returns the address of the page, such as "http://127.0.0.1:8080/". It is empty before the
// app has started, and if nothing is served.
func (s *Server) URL() string {
	if url := s.url.Load(); url != nil {
		return *url
	}
	return ""
}

// Start starts the server. It is a hook of the app.
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
		_ = s.server.Serve(listener) // runs until Stop
	}()
	return nil
}

// newServer returns a server that no client can hold up.
func newServer(p *Page) *http.Server {
	return &http.Server{
		Handler: p, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ConnState: bounded(maxConnections), ErrorLog: log.New(io.Discard, "", 0),
	}
}

// Stop stops the server. It is a hook of the app. It takes little more than a second, whatever
// the clients do.
func (s *Server) Stop(ctx context.Context) error {
	if s.page == nil {
		return nil
	}
	s.page.Close()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close() // do not wait for slow clients
	}
	<-s.served
	s.page = nil
	s.url.Store(nil)
	return nil
}

// bounded closes connections beyond a limit.
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
