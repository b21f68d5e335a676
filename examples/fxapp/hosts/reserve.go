package hosts

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	tryTime     = 15 * time.Second // bounds one try at a relay
	addressTime = 3 * time.Second  // how long a node waits to learn its address from a relay

	// The pause after a failed try. It doubles with each failure.
	shortestPause, longestPause = 500 * time.Millisecond, 10 * time.Second

	// The largest number of addresses at which the host looks for each member, per relay or URL. The host keeps them
	// until others replace them.
	placesToLook = 24

	// A reservation is renewed after half of its time, but within these bounds.
	earliestRenewal, latestRenewal = 30 * time.Second, 30 * time.Minute
)

// keep holds a reservation at a relay until ctx ends. It makes a new one before the old one expires, and when the
// connection to the relay is lost.
func (l *Listener) keep(ctx context.Context, at relayAt) {
	lost := make(chan struct{}, 1)
	disconnected := &network.NotifyBundle{DisconnectedF: func(network.Network, network.Conn) {
		select {
		case lost <- struct{}{}:
		default:
		}
	}}
	l.host.Network().Notify(disconnected)
	defer l.host.Network().StopNotify(disconnected)

	notes := diary{relay: at.name, log: l.log.WithField("relay", at.name)}
	pause := shortestPause
	for {
		held, err := l.try(ctx, &at)
		if ctx.Err() != nil {
			return
		}
		notes.enter(held, err)
		if err != nil {
			sleep(ctx, jittered(pause))
			pause = min(2*pause, longestPause)
			continue
		}
		pause = shortestPause
		l.stay(ctx, held, lost)
		sleep(ctx, jittered(pause)) // so that not all nodes come at once when the relay is back
	}
}

// reservation is a reservation at a relay.
type reservation struct {
	relay   peer.ID
	expires time.Time
	limit   time.Duration // lifetime of a circuit; 0: no limit
	bytes   uint64        // bytes of a circuit in each direction; 0: no limit
}

// stay returns when it is time to renew a reservation, or when the connection to a relay is lost.
func (l *Listener) stay(ctx context.Context, held []reservation, lost <-chan struct{}) {
	renew := time.NewTimer(untilRenewal(held))
	defer renew.Stop()
	gone := func(r reservation) bool { return l.host.Network().Connectedness(r.relay) != network.Connected }
	for !slices.ContainsFunc(held, gone) {
		select {
		case <-lost:
		case <-renew.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func untilRenewal(held []reservation) time.Duration {
	until := latestRenewal
	for _, r := range held {
		until = min(until, time.Until(r.expires)/2)
	}
	return max(until, earliestRenewal)
}

// try makes a reservation at one relay of the operator's list, or at all relays that its URL lists.
func (l *Listener) try(ctx context.Context, at *relayAt) ([]reservation, error) {
	if err := at.ask(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	held, errs := make([]reservation, len(at.relays)), make([]error, len(at.relays))
	places := make([][]multiaddr.Multiaddr, len(at.relays))
	var each sync.WaitGroup
	for i, relay := range at.relays {
		each.Go(func() { held[i], errs[i] = l.reserve(ctx, relay, placesToLook/len(at.relays), &places[i]) })
	}
	each.Wait()
	l.lookNoMore(at.places, slices.Concat(places...))
	at.places = slices.Concat(places...)
	return held, errors.Join(errs...)
}

// reserve makes a reservation at one relay. It lets the host look for the members there. "most" is the maximum
// number of places.
func (l *Listener) reserve(
	ctx context.Context, relay peer.AddrInfo, most int, places *[]multiaddr.Multiaddr,
) (reservation, error) {
	l.dialAtOnce(relay.ID)
	err := l.host.Connect(ctx, relay)
	if err == nil {
		l.awaitAddress(ctx, relay.ID)
	}
	*places = l.lookThere(relay, most)
	if err != nil {
		return reservation{}, err
	}
	l.host.ConnManager().Protect(relay.ID, "relay")
	r, err := client.Reserve(ctx, l.host, relay)
	if err != nil {
		return reservation{}, err
	}
	l.dialAtOnce(l.members...) // the host may have failed to reach them because it could not reach the relay
	return reservation{relay.ID, r.Expiration, r.LimitDuration, r.LimitData}, nil
}

// dialAtOnce lets the host dial peers at once. After a failed dial, the host would pause first.
func (l *Listener) dialAtOnce(peers ...peer.ID) {
	if s, ok := l.host.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		for _, id := range peers {
			s.Backoff().Clear(id)
		}
	}
}

// lookThere lets the host look for the members at a relay, and returns the places. The places at the relay's addresses
// that the host is connected to come first.
func (l *Listener) lookThere(relay peer.AddrInfo, most int) []multiaddr.Multiaddr {
	var where []multiaddr.Multiaddr
	for _, conn := range l.host.Network().ConnsToPeer(relay.ID) {
		where = append(where, conn.RemoteMultiaddr())
	}
	where = append(where, relay.Addrs...)
	through := multiaddr.StringCast("/p2p/" + relay.ID.String() + "/p2p-circuit")
	var places []multiaddr.Multiaddr
	for _, addr := range where {
		// With a dnsaddr, libp2p would look for the member's ID in the DNS record.
		if addr[0].Protocol().Code != multiaddr.P_DNSADDR && len(places) < most {
			places = append(places, addr.Encapsulate(through))
		}
	}
	l.eachOther(func(member peer.ID) {
		l.host.Peerstore().AddAddrs(member, places, peerstore.PermanentAddrTTL)
	})
	return places
}

// lookNoMore makes the host forget the places that are no longer in use.
func (l *Listener) lookNoMore(before, now []multiaddr.Multiaddr) {
	gone := slices.DeleteFunc(slices.Clone(before), func(a multiaddr.Multiaddr) bool {
		return slices.ContainsFunc(now, a.Equal)
	})
	l.eachOther(func(member peer.ID) { l.host.Peerstore().SetAddrs(member, gone, 0) })
}

func (l *Listener) eachOther(do func(peer.ID)) {
	for _, member := range l.members {
		if member != l.host.ID() {
			do(member)
		}
	}
}

// awaitAddress waits until the host has learned its public address from a relay on the internet. Only then can the
// host punch holes, and libp2p does not try again for members that met at the relay earlier. It waits only once in
// the host's life, because the address may never come.
func (l *Listener) awaitAddress(ctx context.Context, relay peer.ID) {
	conns := l.host.Network().ConnsToPeer(relay)
	public := func(c network.Conn) bool { return manet.IsPublicAddr(c.RemoteMultiaddr()) }
	if len(l.listen) == 0 || !slices.ContainsFunc(conns, public) {
		return
	}
	l.addressed.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, addressTime)
		defer cancel()
		changes, err := l.host.EventBus().Subscribe(new(event.EvtLocalProtocolsUpdated))
		if err != nil {
			return
		}
		defer func() { _ = changes.Close() }()
		for !slices.Contains(l.host.Mux().Protocols(), holepunch.Protocol) {
			select {
			case <-changes.Out():
			case <-ctx.Done():
				return
			}
		}
	})
}

// jittered returns a pause that varies by up to 20 %.
func jittered(pause time.Duration) time.Duration {
	return pause - pause/5 + rand.N(2*pause/5)
}

func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}
