package syncmod

import (
	"bytes"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// tombstones remember the sessions of ceremonies that are over, so that what is
// left of them at the others is not taken for a part of the next ceremony.
type tombstones struct {
	mu  sync.Mutex
	all []tombstone // of the definitions that were closed last, the newest last
}

// tombstone is what is remembered of a definition whose ceremony is over.
type tombstone struct {
	hash  []byte
	stale map[peer.ID][]uint64 // sessions
}

const maxTombstones = 64

// add remembers the stale sessions of a definition's members, by operator index.
func (t *tombstones) add(d Definition, stale [][]uint64) {
	stone := tombstone{hash: d.Hash, stale: make(map[peer.ID][]uint64)}
	for i, p := range d.Peers {
		stone.stale[p.ID] = stale[i]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = slices.DeleteFunc(t.all, func(old tombstone) bool { return bytes.Equal(old.hash, d.Hash) })
	if len(t.all) >= maxTombstones {
		t.all = t.all[1:]
	}
	t.all = append(t.all, stone)
}

// of returns the stale sessions of a definition's members, by operator index.
func (t *tombstones) of(d Definition) [][]uint64 {
	stale := make([][]uint64, len(d.Peers))
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, stone := range t.all {
		if !bytes.Equal(stone.hash, d.Hash) {
			continue
		}
		for i, p := range d.Peers {
			stale[i] = stone.stale[p.ID]
		}
	}
	return stale
}
