package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

const (
	// MaxResult is the size of the longest result in bytes.
	MaxResult = 64
	// MaxAttestation is the size of the longest attestation in bytes: a signature by
	// the longest key that libp2p takes, an RSA key of 8192 bits.
	MaxAttestation = 1024
	// StatementPrefix begins whatever a member signs when it attests a result.
	StatementPrefix = "dkgsync/receipt/v1\x00"
)

// Statement returns what a member signs when it attests a result at its last
// barrier (docs/protocol.md, "Results").
func (t *Terms) Statement(member int, last int64, session uint64, result []byte) []byte {
	about := binary.AppendUvarint(nil, uint64(len(t.Hash)))
	about = append(about, t.Hash...)
	about = append(about, t.list[:]...)
	about = binary.LittleEndian.AppendUint64(about, uint64(last))   //nolint:gosec // a negative one is nobody's
	about = binary.LittleEndian.AppendUint32(about, uint32(member)) //nolint:gosec // an operator index
	about = binary.LittleEndian.AppendUint64(about, session)
	about = binary.AppendUvarint(about, uint64(len(result)))
	sum := sha256.Sum256(append(about, result...))
	return slices.Concat([]byte(StatementPrefix), sum[:])
}

// KeyFor returns a member's public key as a receipt has it: nothing where the
// member's peer ID contains the key.
func KeyFor(id peer.ID, key crypto.PubKey) []byte {
	if _, err := id.ExtractPublicKey(); err == nil {
		return nil
	}
	raw, err := crypto.MarshalPublicKey(key)
	if err != nil {
		return nil
	}
	return raw
}

// attested is the attestation that a handler has looked at last.
type attested struct {
	statement, signature []byte
	is                   *roster.Attestation
}

// attestation returns what a request attests, nil if nothing: it is verified once
// for a stream, and anew when it changes. What cannot be one is not looked at any
// further; the rules say what becomes of its member. An abort's result attests
// nothing.
func (in *inbound) attestation(terms *Terms, q *syncpb.SyncRequest) *roster.Attestation {
	result, signature := q.Result, q.GetAttestation()
	switch {
	case q.GetSessionId() == 0 || q.GetAbort() != "" || result == nil && len(signature) == 0:
		return nil
	case len(result) == 0 || len(result) > MaxResult || len(signature) == 0 || len(signature) > MaxAttestation:
		return &roster.Attestation{}
	}
	statement := terms.Statement(terms.Index(in.remote), q.GetStep(), q.GetSessionId(), result)
	last := &in.attested
	if !bytes.Equal(statement, last.statement) || !bytes.Equal(signature, last.signature) {
		*last = attested{statement: statement, signature: signature, is: &roster.Attestation{}}
		if key := in.stream.Conn().RemotePublicKey(); IsAttested(key, statement, signature) {
			*last.is = roster.Attestation{
				Result: string(result), Verified: true, Signature: signature, PublicKey: KeyFor(in.remote, key),
			}
		}
	}
	return last.is
}

// isSigned reports whether a signature is that of a key, which may be missing.
func isSigned(key crypto.PubKey, data, signature []byte) bool {
	if key == nil {
		return false
	}
	ok, err := key.Verify(data, signature)
	return err == nil && ok
}
