package hosts

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// RelayConfig describes a relay.
type RelayConfig struct {
	Key      crypto.PrivKey
	Listen   []string // addresses to listen on, as in [Config]; at least one
	Announce []string // addresses at which others reach the relay, if they differ from Listen
}

const announceExample = "/dns4/relay.example/tcp/9000"

// Validate checks the addresses. Its error names the first address that is wrong and says what to write instead. It
// does no I/O, and needs no key.
func (c RelayConfig) Validate() error {
	_, _, err := c.parse()
	return err
}

func (c RelayConfig) parse() (listen, announce []multiaddr.Multiaddr, err error) {
	if len(c.Listen) == 0 {
		return nil, nil, errors.New("a relay needs an address to listen on: " + listenExample)
	}
	if listen, err = parseListen(c.Listen); err != nil {
		return nil, nil, err
	}
	for _, text := range c.Announce {
		addr, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return nil, nil, fmt.Errorf("announced address %q: it is not an address: write it as %s",
				text, announceExample)
		}
		if _, err := addr.ValueForProtocol(multiaddr.P_P2P); err == nil {
			return nil, nil, fmt.Errorf("announced address %s: leave out /p2p/…: the relay knows its peer ID", text)
		}
		announce = append(announce, addr)
	}
	return listen, announce, nil
}

// Relay is a circuit relay v2 with room for ceremonies; limits.go has the numbers. As an [http.Handler] it answers
// GET / with its addresses: a JSON list of strings that end in /p2p/ID.
type Relay struct {
	host    host.Host
	service *relay.Relay
}

// NewRelay starts a relay. It returns a [*ListenError] if it cannot listen on an address.
func NewRelay(c RelayConfig) (*Relay, error) {
	listen, announce, err := c.parse()
	switch {
	case err != nil:
		return nil, err
	case c.Key == nil:
		return nil, errors.New("a relay needs a key")
	}
	manager, err := newRelayManager()
	if err != nil {
		return nil, err
	}
	trimmer, err := connmgr.NewConnManager(reservations, 3*reservations/2)
	if err != nil {
		return nil, fmt.Errorf("making the relay's connection manager: %w", err)
	}
	options := []libp2p.Option{
		libp2p.Identity(c.Key),
		libp2p.ResourceManager(manager),
		libp2p.ConnectionManager(trimmer), // closes connections without a reservation or a circuit before all others
		libp2p.NoListenAddrs,              // it listens last, and does not use other relays
		libp2p.DisableMetrics(),
	}
	if len(announce) > 0 {
		options = append(options,
			libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return announce }))
	}
	h, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("making the relay's host: %w", err)
	}
	r := &Relay{host: h}
	if err := r.start(listen); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Relay) start(listen []multiaddr.Multiaddr) (err error) {
	anyAddress := relay.WithReservationAddressFilter(func(multiaddr.Multiaddr) bool { return true })
	r.service, err = relay.New(rated{r.host, requestRate()}, relay.WithResources(relayResources()), anyAddress)
	if err != nil {
		return fmt.Errorf("making the relay: %w", err)
	}
	for _, addr := range listen {
		if err := listenOn(r.host, addr); err != nil {
			return &ListenError{Addr: addr, Err: err}
		}
	}
	return nil
}

// Close ends the relay and all of its circuits.
func (r *Relay) Close() error {
	if r.service != nil {
		_ = r.service.Close() // its error is always nil
	}
	return r.host.Close()
}

// ID returns the relay's peer ID.
func (r *Relay) ID() peer.ID { return r.host.ID() }

// Addrs returns the relay's addresses, each with its peer ID. It leaves out loopback addresses, unless there are no
// others.
func (r *Relay) Addrs() []multiaddr.Multiaddr {
	all := r.host.Addrs()
	addrs := slices.DeleteFunc(slices.Clone(all), manet.IsIPLoopback)
	if len(addrs) == 0 {
		addrs = all
	}
	id := multiaddr.StringCast("/p2p/" + r.host.ID().String())
	for i, addr := range addrs {
		addrs[i] = addr.Encapsulate(id)
	}
	return addrs
}

// ServeHTTP implements [http.Handler].
func (r *Relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch {
	case request.URL.Path != "/":
		http.NotFound(w, request)
	case request.Method != http.MethodGet && request.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
	default:
		w.Header().Set("Content-Type", "application/json")
		texts := []string{}
		for _, addr := range r.Addrs() {
			texts = append(texts, addr.String())
		}
		_ = json.NewEncoder(w).Encode(texts)
	}
}

// rated is a host that limits how often others may use its protocols.
type rated struct {
	host.Host
	limiter *rate.Limiter
}

// SetStreamHandler implements [host.Host].
func (r rated) SetStreamHandler(id protocol.ID, handle network.StreamHandler) {
	r.Host.SetStreamHandler(id, r.limiter.Limit(handle))
}
