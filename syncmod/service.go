package syncmod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/telemetry"
)

// ProtocolID is the libp2p protocol that the module speaks: the one of Charon
// and Pluto. The trailing slash belongs to it.
const ProtocolID protocol.ID = "/charon/dkg/sync/1.0.0/"

// ServiceName is the name of the module's scope in the host's resource manager.
const ServiceName = "dkgsync"

// Service is the synchronization protocol on one host: a [Server] for what
// comes in, [Clients] for what goes out. It lives as long as the host and runs
// any number of ceremonies, one after the other or several at once. All its
// methods are safe for concurrent use.
type Service struct {
	host      host.Host
	cfg       Config
	version   roster.Version
	telemetry *telemetry.Telemetry
	server    *Server
	clients   *Clients
	addrs     addressBook
	streams   atomic.Uint64 // hands out roster.StreamIDs

	// onEnd is told of every ceremony that has completed or failed.
	onEnd func(*Ceremony)

	mu         sync.Mutex
	running    bool
	ceremonies []*Ceremony   // the open ones, in the order of their opening
	changed    chan struct{} // closed, and made anew, whenever they change
	graves     []grave       // of the definitions that were closed last
	asked      map[asked]time.Time
}

// asked is a peer that asks for a definition which is not open here, though others
// are in which it is a member. Since when, is known until something else is open.
type asked struct {
	peer peer.ID
	hash string
}

const maxAsked = 1024 // who asks for more makes others wait longer

// grave is what is remembered of a definition whose ceremony is over: the
// sessions of its members, by peer. What still comes from them is late.
type grave struct {
	hash []byte
	dead map[peer.ID][]uint64
}

const maxGraves = 64

// Option changes what NewService makes.
type Option func(*options)

type options struct {
	log    *logrus.Logger
	tracer trace.TracerProvider
	meter  metric.MeterProvider
}

// WithLogger sets the logger; the default is logrus's standard logger.
func WithLogger(log *logrus.Logger) Option { return func(o *options) { o.log = log } }

// WithTracerProvider sets where spans go; the default is the OpenTelemetry
// global. The provider is used and never shut down.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracer = p } }

// WithMeterProvider sets where metrics go; the default is the OpenTelemetry
// global. The provider is used and never shut down.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meter = p } }

// NewService makes the service of a host. It does no I/O: nothing happens
// before [Service.Start]. Its error, for a bad Config, is an [ErrInvalid]. The
// host is used, and never closed.
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
		asked:     make(map[asked]time.Time),
	}
	s.server = newServer(s)
	s.clients = newClients(s)
	return s, nil
}

// Start makes the service serve: it registers the protocol's handler at the host
// and returns at once, having dialled nobody. It fails when something else
// handles the protocol on this host already. Starting twice does nothing;
// starting after Stop works.
func (s *Service) Start(ctx context.Context) error {
	if err := s.server.Start(ctx); err != nil {
		return err
	}
	if err := s.clients.Start(ctx); err != nil {
		return errors.Join(err, s.server.Stop(ctx))
	}
	return s.accept(ctx)
}

// Stop closes the ceremonies that are open (see [Ceremony.Close]), ends every
// stream and waits for every goroutine, until ctx ends. Apart from goodbyes it
// takes less than a second. Stopping twice does nothing.
func (s *Service) Stop(ctx context.Context) error {
	return errors.Join(s.closeAll(ctx), s.clients.Stop(ctx), s.server.Stop(ctx))
}

// accept lets ceremonies be opened. With fx it is the start of the service
// itself, after those of its two halves.
func (s *Service) accept(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
	return nil
}

// closeAll closes what is open; nothing is opened any more.
func (s *Service) closeAll(ctx context.Context) error {
	s.mu.Lock()
	s.running = false
	open := slices.Clone(s.ceremonies)
	s.mu.Unlock()
	errs := make([]error, len(open))
	var wg sync.WaitGroup
	for i, c := range open {
		wg.Go(func() { errs[i] = c.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Open begins a ceremony: from now on this node connects to its members and
// answers them. It returns at once. Its errors: [ErrStopped] before Start and
// after Stop, [ErrInvalid] for a definition that cannot be, [ErrOpen] while a
// ceremony with the same hash is open.
func (s *Service) Open(d Definition) (*Ceremony, error) {
	c, err := newCeremony(s, d)
	if err != nil {
		return nil, err
	}
	if err := c.open(context.Background()); err != nil {
		return nil, err
	}
	return c, nil
}

// Ceremonies returns the open ones, in the order of their opening. A ceremony
// that is complete or failed stays open until it is closed.
func (s *Service) Ceremonies() []*Ceremony {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ceremonies)
}

// add registers a ceremony.
func (s *Service) add(c *Ceremony) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return fmt.Errorf("opening a ceremony: the service is not running: %w", ErrStopped)
	}
	if s.findLocked(c.def.Hash) != nil {
		return fmt.Errorf("opening definition %s: %w: close it first", shortHash(c.def.Hash), ErrOpen)
	}
	s.ceremonies = append(s.ceremonies, c)
	s.announceLocked()
	return nil
}

// remove forgets a ceremony.
func (s *Service) remove(c *Ceremony) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ceremonies = slices.DeleteFunc(s.ceremonies, func(other *Ceremony) bool { return other == c })
	s.announceLocked()
}

// bury remembers the sessions of a ceremony that is over, so that what is left of
// it at the others is not taken for a part of the next one.
func (s *Service) bury(c *Ceremony) {
	hash, dead := c.def.Hash, make(map[peer.ID][]uint64)
	c.mu.Lock()
	for i, p := range c.def.Peers {
		dead[p.ID] = c.roster.Buried(i)
	}
	c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.graves = slices.DeleteFunc(s.graves, func(g grave) bool { return bytes.Equal(g.hash, hash) })
	if len(s.graves) >= maxGraves {
		s.graves = s.graves[1:]
	}
	s.graves = append(s.graves, grave{hash, dead})
}

// buried returns the sessions of a definition's members that are dead, by operator
// index.
func (s *Service) buried(d Definition) [][]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	dead := make([][]uint64, len(d.Peers))
	for _, g := range s.graves {
		if !bytes.Equal(g.hash, d.Hash) {
			continue
		}
		for i, p := range d.Peers {
			dead[i] = g.dead[p.ID]
		}
	}
	return dead
}

// grace is how long a peer has still to wait for a definition that is not open here:
// it may have asked before, on a stream that it has given up.
func (s *Service) grace(id peer.ID, hash []byte, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := asked{id, string(hash[:min(len(hash), maxHash)])}
	since, ok := s.asked[key]
	if !ok || now.Sub(since) > 2*s.cfg.OpenGrace+s.cfg.ExchangeTimeout { // a new attempt
		if len(s.asked) >= maxAsked {
			clear(s.asked)
		}
		since = now
		s.asked[key] = since
	}
	return s.cfg.OpenGrace - now.Sub(since)
}

func (s *Service) announceLocked() {
	clear(s.asked)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Service) findLocked(hash []byte) *Ceremony {
	for _, c := range s.ceremonies {
		if bytes.Equal(c.def.Hash, hash) {
			return c
		}
	}
	return nil
}

// membership returns the open ceremonies that a peer is a member of, whether
// any is open at all, and a channel that closes when that may have changed.
func (s *Service) membership(id peer.ID) (in []*Ceremony, open bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.ceremonies {
		if c.index(id) >= 0 {
			in = append(in, c)
		}
	}
	return in, len(s.ceremonies) > 0, s.changed
}

// fail ends every ceremony for a defect of this node's own.
func (s *Service) fail(err error) {
	for _, c := range s.Ceremonies() {
		c.Abort(err)
	}
}

func (s *Service) nextStream() roster.StreamID { return roster.StreamID(s.streams.Add(1)) }
