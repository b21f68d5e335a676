package dkg

import (
	"github.com/libp2p/go-libp2p/core/peer"
)

// Share is a member's share of a group key. It is never printed: not by fmt, and not
// as JSON.
type Share struct {
	DefinitionHash []byte
	Members        []peer.ID // all, in operator order
	Index          int       // the operator index of the member whose share it is
	Threshold      int       // how many shares sign
	GroupKey       []byte    // 48 bytes: a compressed point of G1
}

// Threshold is how many of n members sign together: n - (n-1)/3, as in Charon's
// clusters.
func Threshold(n int) int { return n - (n-1)/3 }

// Sign returns this member's partial signature of a message: 2 bytes of operator
// index, big endian, and 96 bytes of signature.
func (s *Share) Sign(message []byte) ([]byte, error) { return nil, nil }

// Recover makes the group's signature of a message, 96 bytes, out of partial
// signatures of at least Threshold members. Any set of them gives the same one.
func (s *Share) Recover(message []byte, partials ...[]byte) ([]byte, error) { return nil, nil }

// Verify checks a signature by a group key.
func Verify(groupKey, message, signature []byte) error { return nil }
