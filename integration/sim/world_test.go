package sim

import (
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
)

// city is the place of a host.
type city int

const (
	frankfurt city = iota
	virginia
	saoPaulo
	singapore
	sydney
)

const ms = time.Millisecond

// delays is how long a packet travels from one city to another. The values are assumed,
// not measured, and are typical of such distances.
var delays = [...][5]time.Duration{
	frankfurt: {1 * ms, 44 * ms, 100 * ms, 79 * ms, 124 * ms},
	virginia:  {44 * ms, 1 * ms, 57 * ms, 108 * ms, 99 * ms},
	saoPaulo:  {100 * ms, 57 * ms, 1 * ms, 162 * ms, 156 * ms},
	singapore: {79 * ms, 108 * ms, 162 * ms, 1 * ms, 46 * ms},
	sydney:    {124 * ms, 99 * ms, 156 * ms, 46 * ms, 1 * ms},
}

// farthest is the longest of the delays.
const farthest = 162 * ms

// bandwidth is the bandwidth of every host's link in each direction. It is never a
// bottleneck.
const bandwidth = 100 * simlibp2p.OneMbps

// site is a host's place on the network.
type site struct {
	index int // in the order in which the sites were made
	city  city
	addr  *net.UDPAddr
}

// between decides about the packets from one site to another.
type between func(from, to *site) bool

// world is a network of hosts in virtual time.
type world struct {
	t       *testing.T
	net     *simnet.Simnet
	members []*member
	hosts   []host.Host

	mu    sync.Mutex // never held across a wait, which would stop the clock
	sites map[netip.Addr]*site
	loss  float64 // the probability that a packet between two hosts gets lost
	cut   between // whose packets get lost
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, sites: make(map[netip.Addr]*site)}
	w.net = &simnet.Simnet{LatencyFunc: w.travel, Logger: slog.New(slog.DiscardHandler)}
	w.net.Start()
	t.Cleanup(w.close)
	return w
}

// newSite returns a site with the next free address.
func (w *world) newSite(c city) *site {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &site{index: len(w.sites), city: c}
	s.addr = &net.UDPAddr{IP: simnet.IntToPublicIPv4(s.index).To4(), Port: 8000}
	w.sites[s.addr.AddrPort().Addr()] = s
	return s
}

// nowhere is where lost packets go.
var nowhere net.Addr = &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1).To4(), Port: 9}

// travel returns how long a packet travels.
func (w *world) travel(p *simnet.Packet) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	from, to := w.siteAt(p.From), w.siteAt(p.To)
	cut := from == nil || to == nil || (w.cut != nil && w.cut(from, to))
	if cut || rand.Float64() < w.loss { //nolint:gosec // nobody gains by guessing it
		p.To = nowhere
		return 0
	}
	return delays[from.city][to.city]
}

func (w *world) siteAt(a net.Addr) *site {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return nil
	}
	return w.sites[udp.AddrPort().Addr().Unmap()]
}

// lose makes every link lose a part of its packets.
func (w *world) lose(part float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loss = part
}

// separate cuts links. Each call replaces the previous cuts.
func (w *world) separate(cut between) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

// heal repairs all links.
func (w *world) heal() {
	w.separate(nil)
	w.lose(0)
}

// halves separates the sites below an index from the rest.
func halves(first int) between {
	return func(from, to *site) bool { return (from.index < first) != (to.index < first) }
}

// mute keeps everyone from hearing one site. The site still hears everyone.
func mute(one int) between {
	return func(from, _ *site) bool { return from.index == one }
}

// oneWay loses the packets from one site to another.
func oneWay(one, other int) between {
	return func(from, to *site) bool { return from.index == one && to.index == other }
}

// close stops the apps, closes the hosts and ends the network. No goroutine may be
// left.
func (w *world) close() {
	w.heal()
	each(w.members, func(m *member) { m.stop(w.t) })
	// A host's Close may hang while peers tell it of changes, so messages on their way must arrive
	// first.
	<-time.After(settling)
	each(w.hosts, func(h host.Host) { _ = h.Close() })
	w.net.Close()
}

// settling is how long a test lets nothing happen before it closes the hosts.
// Virtual time is cheap.
const settling = 30 * time.Second

// each calls f for all elements at the same time.
func each[T any](all []T, f func(T)) {
	var wg sync.WaitGroup
	for _, one := range all {
		wg.Go(func() { f(one) })
	}
	wg.Wait()
}
