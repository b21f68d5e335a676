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
	// MaxResult is the maximum size of a result in bytes.
	MaxResult = 64
	// MaxAttestation is the maximum size of an attestation in bytes. It has room for a
	// signature by the longest key that libp2p accepts, an RSA key of 8192 bits.
	MaxAttestation = 1024
	// StatementPrefix begins every statement that a member signs to attest a result.
	StatementPrefix = "dkgsync/receipt/v1\x00"
)

// Statement returns what a member signs when it attests a result at its last
// barrier (docs/protocol.md, "Results").
func (t *Terms) Statement(member int, last int64, session uint64, result []byte) []byte {
	about := binary.AppendUvarint(nil, uint64(len(t.Hash)))
	about = append(about, t.Hash...)
	about = append(about, t.list[:]...)
	about = binary.LittleEndian.AppendUint64(about, uint64(last))   //nolint:gosec // no barrier has a negative number
	about = binary.LittleEndian.AppendUint32(about, uint32(member)) //nolint:gosec // an operator index
	about = binary.LittleEndian.AppendUint64(about, session)
	about = binary.AppendUvarint(about, uint64(len(result)))
	sum := sha256.Sum256(append(about, result...))
	return slices.Concat([]byte(StatementPrefix), sum[:])
}

// KeyFor returns a member's public key in the form that a receipt has. It returns nil
// if the member's peer ID contains the key.
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

// attested is the attestation that a handler checked last.
type attested struct {
	statement, signature []byte
	is                   *roster.Attestation
}

// attestation returns what a request attests, or nil if it attests nothing. It verifies
// an attestation once for each stream, and again when the attestation changes. It does
// not verify an attestation of an impossible size; the rules decide what becomes of the
// member. The result in an abort attests nothing.
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

// isSigned reports whether key made a signature over data. The key may be nil.
func isSigned(key crypto.PubKey, data, signature []byte) bool {
	if key == nil {
		return false
	}
	ok, err := key.Verify(data, signature)
	return err == nil && ok
}
