package syncmod

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"
)

// addressBook puts the addresses of definitions into the host's peerstore while
// a ceremony needs them, and takes out what it has put in and nothing else.
type addressBook struct {
	store peerstore.AddrBook

	mu   sync.Mutex
	uses map[addressKey]int // how many open ceremonies need an address that we have added
}

type addressKey struct {
	id   peer.ID
	addr string
}

// add notes the addresses of a member.
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
		key := addressKey{id, string(a.Bytes())}
		if b.uses[key] == 0 && present[key.addr] {
			continue // its owner's, not ours
		}
		b.uses[key]++
		b.store.AddAddr(id, a, peerstore.PermanentAddrTTL)
	}
}

// remove takes back what add has noted.
func (b *addressBook) remove(id peer.ID, addrs []multiaddr.Multiaddr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range addrs {
		key := addressKey{id, string(a.Bytes())}
		switch b.uses[key] {
		case 0:
		case 1:
			delete(b.uses, key)
			b.store.SetAddr(id, a, 0)
		default:
			b.uses[key]--
		}
	}
}
