package syncmod

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"
)

// addressBook puts the addresses of definitions into the host's peerstore while a
// ceremony needs them. It removes exactly the addresses that it added, and does not
// touch an address that was there before. While a peer is connected, the host keeps
// a removed address as if the peer itself had announced it.
type addressBook struct {
	host  host.Host
	store peerstore.AddrBook

	mu   sync.Mutex
	uses map[addressKey]int // how many open ceremonies need an address that this book added
}

// ownTTL marks the addresses that this book added. It is as good as permanent, and
// differs from the TTL that anybody else uses.
const ownTTL = peerstore.PermanentAddrTTL - 1<<20

type addressKey struct {
	id   peer.ID
	addr string
}

// keyOf returns an address as the peerstore stores it: without the peer ID at its
// end.
func keyOf(id peer.ID, a multiaddr.Multiaddr) addressKey {
	addr, _ := peer.SplitAddr(a)
	return addressKey{id, string(addr.Bytes())}
}

// add adds the addresses of a member.
func (b *addressBook) add(id peer.ID, addrs []multiaddr.Multiaddr) {
	if len(addrs) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	present := make(map[string]bool)
	for _, a := range b.store.Addrs(id) {
		present[string(a.Bytes())] = true
	}
	if b.uses == nil {
		b.uses = make(map[addressKey]int)
	}
	for _, a := range addrs {
		key := keyOf(id, a)
		if b.uses[key] == 0 && present[key.addr] {
			continue // something else added it, not this book
		}
		b.uses[key]++
		b.store.AddAddr(id, a, ownTTL)
	}
}

// remove undoes one call of add with the same addresses.
func (b *addressBook) remove(id peer.ID, addrs []multiaddr.Multiaddr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var kept time.Duration
	if b.host.Network().Connectedness(id) == network.Connected {
		kept = peerstore.ConnectedAddrTTL
	}
	ours := false
	for _, a := range addrs {
		key := keyOf(id, a)
		switch b.uses[key] {
		case 0:
		case 1:
			delete(b.uses, key)
			ours = true
		default:
			b.uses[key]--
		}
	}
	if !ours {
		return
	}
	b.store.UpdateAddrs(id, ownTTL, kept) // not what others have added meanwhile: that has another TTL
	for key := range b.uses {             // another ceremony needs these
		if a, err := multiaddr.NewMultiaddrBytes([]byte(key.addr)); err == nil && key.id == id {
			b.store.AddAddr(id, a, ownTTL)
		}
	}
}
