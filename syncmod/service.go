package syncmod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/logbridge"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
	"github.com/dkgsync/dkgsync/telemetry"
)

// ProtocolID is the libp2p protocol that the module speaks. It is the protocol of
// Charon and Pluto. The trailing slash is part of it.
const ProtocolID protocol.ID = "/charon/dkg/sync/1.0.0/"

// ServiceName is the name of the module's scope in the host's resource manager.
const ServiceName = "dkgsync"

// Service is the synchronization protocol on one host. It has a [Server] for incoming
// streams and [Clients] for outgoing ones. It lives as long as the host and runs any
// number of ceremonies, one after the other or several at the same time. All its
// methods are safe for concurrent use.
type Service struct {
	host      host.Host
	cfg       Config
	version   roster.Version
	telemetry *telemetry.Telemetry
	meter     metric.MeterProvider // nil: the OpenTelemetry global
	server    *Server
	clients   *Clients
	addrs     addressBook
	onEnd     []func(*Ceremony) // called for every ceremony that has completed or failed
	app       app               // the app that the service is part of, if any

	mu         sync.Mutex
	running    bool
	metered    metric.MeterProvider // the provider under which metering counts this service; nil: none
	ceremonies []*core              // the open ones, in the order of their opening
	changed    chan struct{}        // closed and made again when the list changes
}

// Server is the inbound half of a [Service]. It serves the streams that members open,
// and refuses those of everyone else. Its only methods are Start and Stop, which the
// service or fx calls.
type Server struct {
	half      *stream.Server
	telemetry *telemetry.Telemetry
}

// Start registers the protocol's handler on the host. It fails if something else
// already handles the protocol there.
func (s *Server) Start(context.Context) error {
	s.telemetry.Start() // before anything can be reported
	return s.register()
}

// register registers the handler, which may happen long before the start.
func (s *Server) register() error {
	switch err := s.half.Start(); {
	case errors.Is(err, stream.ErrStopping):
		return fmt.Errorf("starting the sync server: %w: %w", err, ErrStopped)
	case errors.Is(err, stream.ErrHandled):
		return fmt.Errorf("starting the sync server: this host already handles %s: "+
			"use one service for each host", ProtocolID)
	default:
		return err
	}
}

// Stop removes the handler, resets the remaining streams and waits for their
// handlers, until ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.half.Stop(ctx); err != nil {
		return fmt.Errorf("stopping the sync server: %w", err)
	}
	return nil
}

// Clients is the outbound half of a [Service]. For each member of each open ceremony
// it has a client, which keeps a stream to the member and sends this node's
// announcements on it. Its only methods are Start and Stop, which the service or fx
// calls.
type Clients struct{ half *stream.Clients }

// Start begins to listen to the host's events. It dials nobody.
func (c *Clients) Start(context.Context) error {
	if err := c.half.Start(); err != nil {
		return fmt.Errorf("starting the sync clients: %w", err)
	}
	return nil
}

// Stop ends every stream and waits for the goroutines, until ctx ends.
func (c *Clients) Stop(ctx context.Context) error {
	if err := c.half.Stop(ctx); err != nil {
		return fmt.Errorf("stopping the sync clients: %w", err)
	}
	return nil
}

// Option changes how NewService makes a service.
type Option func(*options)

type options struct {
	log    *logrus.Logger
	tracer trace.TracerProvider
	meter  metric.MeterProvider
}

// WithLogger sets the logger; the default is logrus's standard logger.
func WithLogger(log *logrus.Logger) Option { return func(o *options) { o.log = log } }

// WithSlog sets the logger of a program that does not use logrus. Fields become
// attributes. The context of a line carries the span that the line is about. If
// both this option and [WithLogger] are given, the later one counts. A nil logger
// changes nothing.
func WithSlog(log *slog.Logger) Option {
	return func(o *options) {
		if log != nil {
			o.log = logbridge.New(log)
		}
	}
}

// WithTracerProvider sets the provider of spans. The default is the OpenTelemetry
// global. The service never shuts the provider down.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracer = p } }

// WithMeterProvider sets the provider of metrics. The default is the OpenTelemetry
// global. The service never shuts the provider down.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meter = p } }

// NewService makes the service of a host. It does no I/O. Nothing happens before
// [Service.Start], except that [Config].RegisterEarly registers the handler. The
// error for an invalid Config is an [ErrInvalid]. The service uses the host and never
// closes it.
func NewService(h host.Host, cfg Config, opts ...Option) (*Service, error) {
	if h == nil {
		return nil, invalid("host", "it is nil")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	version, err := roster.ParseVersion(cfg.Version)
	if err != nil {
		return nil, invalid("Config.Version", "%q is %w", cfg.Version, err)
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s := &Service{
		host:      h,
		cfg:       cfg,
		version:   version,
		telemetry: telemetry.New(o.log, o.tracer, o.meter),
		addrs:     addressBook{host: h, store: h.Peerstore()},
		changed:   make(chan struct{}),
	}
	streams := &stream.Config{
		Host: h, Protocol: ProtocolID, Observe: observeProtocol, Service: ServiceName, Heartbeat: cfg.Heartbeat,
		ExchangeTimeout: cfg.ExchangeTimeout, OpenGrace: cfg.OpenGrace,
		BackoffMin: cfg.BackoffMin, BackoffMax: cfg.BackoffMax, MaxFrame: cfg.MaxFrame,
	}
	s.server = &Server{half: stream.NewServer(streams, directory{s}), telemetry: s.telemetry}
	s.clients = &Clients{half: stream.NewClients(streams, s.broken)}
	s.meter = o.meter
	if cfg.RegisterEarly {
		if err := s.server.register(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Start makes the service serve. It registers the protocol's handler on the host and
// returns at once, without dialling anybody. It fails if something else already
// handles the protocol on this host. Starting twice does nothing. Starting after Stop
// works.
func (s *Service) Start(ctx context.Context) error {
	if err := s.server.Start(ctx); err != nil {
		return err
	}
	if err := s.clients.Start(ctx); err != nil {
		return errors.Join(err, s.server.Stop(ctx))
	}
	return s.accept(ctx)
}

// Stop closes the open ceremonies (see [Ceremony.Close]), ends every stream and waits
// for every goroutine, until ctx ends. Apart from goodbyes it takes less than a
// second. Stopping twice does nothing.
func (s *Service) Stop(ctx context.Context) error {
	return errors.Join(s.closeAll(ctx), s.clients.Stop(ctx), s.server.Stop(ctx))
}

// accept allows ceremonies to be opened. With fx it is the start of the service
// itself, after the starts of its two halves.
func (s *Service) accept(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		s.startMetering()
	}
	s.running = true
	return nil
}

// closeAll closes the open ceremonies. No ceremony can be opened after that.
func (s *Service) closeAll(ctx context.Context) error {
	s.mu.Lock()
	if s.running {
		s.stopMetering()
	}
	s.running = false
	if s.app.look != nil {
		s.app.look.Stop()
	}
	open := slices.Clone(s.ceremonies)
	s.mu.Unlock()
	errs, began := make([]error, len(open)), make([]time.Time, len(open))
	var wg sync.WaitGroup
	for i, c := range open {
		wg.Go(func() { began[i], errs[i] = c.leave(ctx) })
	}
	wg.Wait()
	last := time.Now()
	if len(open) > 0 {
		last = slices.MaxFunc(began, time.Time.Compare)
	}
	s.awaitReports(ctx, last, open...)
	return errors.Join(errs...)
}

// Open begins a ceremony: this node begins to connect to its members and to answer
// them. Open returns at once. It returns [ErrStopped] before Start and after Stop,
// [ErrInvalid] for an invalid definition, and [ErrOpen] while a ceremony with the
// same hash is open.
func (s *Service) Open(d Definition, opts ...OpenOption) (*Ceremony, error) {
	var o openOptions
	for _, opt := range opts {
		opt(&o)
	}
	c, err := newCeremony(s, d, attempt{}, o)
	if err != nil {
		return nil, err
	}
	if err := c.core().open(context.Background()); err != nil {
		return nil, err
	}
	return c, nil
}

// Ceremonies returns the open ceremonies, in the order in which they were opened. A
// ceremony that is complete or failed stays open until it is closed.
func (s *Service) Ceremonies() []*Ceremony {
	open := s.open()
	owners := make([]*Ceremony, len(open))
	for i, c := range open {
		owners[i] = c.owner
	}
	return owners
}

// Watch yields the open ceremonies, as [Service.Ceremonies] returns them, and yields
// them again whenever a ceremony is opened or closed. Slow consumers see only the
// latest list. Watch ends when ctx ends.
func (s *Service) Watch(ctx context.Context) iter.Seq[[]*Ceremony] {
	return func(yield func([]*Ceremony) bool) {
		for ctx.Err() == nil {
			s.mu.Lock()
			changed := s.changed
			s.mu.Unlock()
			if !yield(s.Ceremonies()) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

func (s *Service) open() []*core {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ceremonies)
}

// closeLimit is how long closing may take, including its reports but not the
// goodbyes.
const closeLimit = 900 * time.Millisecond

// awaitReports waits until the reports have been carried out and the functions of
// OnEnd have returned, for the given ceremonies, which began to close at the given
// time. Both call the program's code, which may hang. So the wait is limited to
// [telemetry.FlushLimit], to what is left of closeLimit (but at least a tenth of
// closeLimit), and to half of the time that ctx has left. The rest of the time is for
// stopping.
func (s *Service) awaitReports(ctx context.Context, began time.Time, of ...*core) {
	limit := min(telemetry.FlushLimit, max(closeLimit-time.Since(began), closeLimit/10))
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s.telemetry.Flush(ctx)
	for _, c := range of {
		c.awaitEndings(ctx)
	}
}

// add registers a ceremony.
func (s *Service) add(c *core) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return fmt.Errorf("opening a ceremony: the service is not running: %w", ErrStopped)
	}
	if s.findLocked(c.def.Hash) != nil {
		return fmt.Errorf("opening definition %s: %w: close it first", shortHash(c.def.Hash), ErrOpen)
	}
	s.app.used = s.app.used || bytes.Equal(c.def.Hash, s.app.supplied)
	s.ceremonies = append(s.ceremonies, c)
	s.announceLocked()
	return nil
}

// remove removes a ceremony from the list.
func (s *Service) remove(c *core) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ceremonies = slices.DeleteFunc(s.ceremonies, func(other *core) bool { return other == c })
	s.announceLocked()
}

func (s *Service) announceLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Service) findLocked(hash []byte) *core {
	for _, c := range s.ceremonies {
		if bytes.Equal(c.def.Hash, hash) {
			return c
		}
	}
	return nil
}

// broken fails every ceremony because of a defect of this node.
func (s *Service) broken(err error) {
	for _, c := range s.open() {
		c.Broken(err)
	}
}

// recovering must be deferred. It reports the panic of a callback.
func (s *Service) recovering(task string) {
	if value := recover(); value != nil {
		s.telemetry.Panicked(time.Now(), task, value, debug.Stack())
	}
}
