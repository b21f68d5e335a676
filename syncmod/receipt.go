package syncmod

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

const (
	receiptType = "dkgsync/receipt/v1"
	maxReceipt  = 8 << 20 // bytes: enough for 1024 members with the longest keys
	fieldCount  = 5       // of a member in a receipt
)

// Receipt says which result each member attested at the last barrier of a ceremony.
// Each member has signed its own result. [Ceremony.Receipt] returns a Receipt.
// json.Marshal writes it, [ParseReceipt] reads it, and [Receipt.Verify] needs
// nothing but the receipt. docs/protocol.md describes its JSON under "Results".
//
// A receipt that verifies proves that each member with a session attested the result
// with the key of its peer ID, in one attempt of one ceremony. It does not prove who
// owns the peer IDs, or what the definition hash stands for. To know that, compare
// DefinitionHash and the members with the definition.
type Receipt struct {
	DefinitionHash []byte        // 1 to 64 bytes
	LastStep       int64         // the number of the last barrier
	Members        []Attestation // all members, in operator order
}

// Attestation is what one member attested.
type Attestation struct {
	ID        peer.ID // the member's peer ID
	Session   uint64  // identifies the member's process; 0: a foreign member, which attests nothing
	Result    []byte  // 1 to 64 bytes
	Signature []byte  // of the statement that docs/protocol.md describes, by the key of ID
	PublicKey []byte  // as libp2p encodes it; only if ID does not contain it (RSA, ECDSA)
}

// Result returns the result that the members attested, or nil if none did.
func (r *Receipt) Result() []byte {
	for _, m := range r.Members {
		if m.Session != 0 {
			return m.Result
		}
	}
	return nil
}

// Verify checks that the receipt is well formed, that every signature is its
// member's signature of this ceremony, attempt and result, and that all members
// attest the same result. It needs no network. The error is a [*PeerError] with
// [ErrBadSignature] for the first member whose attestation does not verify, an
// [ErrResultMismatch] for different results, and an [ErrInvalid] for anything that
// is not a receipt, including nil.
func (r *Receipt) Verify() error {
	if r == nil {
		return invalid("receipt", "there is none: the node attests nothing, or has not passed its last barrier")
	}
	if err := r.validate(); err != nil {
		return invalid("receipt", "%w", err)
	}
	infos := make([]peer.AddrInfo, len(r.Members))
	for i, m := range r.Members {
		infos[i].ID = m.ID
	}
	terms := stream.NewTerms(stream.Terms{Hash: r.DefinitionHash, Members: infos})
	for i, m := range r.Members {
		if m.Session == 0 {
			continue
		}
		key, err := m.key()
		if err != nil {
			return invalid("receipt", "operator %d: %w", i, err)
		}
		if !stream.IsAttested(key, terms.Statement(i, r.LastStep, m.Session, m.Result), m.Signature) {
			text := "did not sign what the receipt says it attests"
			return &PeerError{Peer: Peer{ID: m.ID}, Index: i, Err: &cause{sentinel: ErrBadSignature, text: text}}
		}
	}
	for i, m := range r.Members {
		if m.Session != 0 && !bytes.Equal(m.Result, r.Result()) {
			return fmt.Errorf("%w: operator %d attests a different result than "+
				"the members before it", ErrResultMismatch, i)
		}
	}
	return nil
}

// validate checks everything but the signatures.
func (r *Receipt) validate() error {
	n := len(r.Members)
	switch {
	case len(r.DefinitionHash) == 0 || len(r.DefinitionHash) > maxHash:
		return fmt.Errorf("a definition hash of %d bytes: it needs 1 to %d", len(r.DefinitionHash), maxHash)
	case isStatement(r.DefinitionHash):
		return errHashIsStatement
	case r.LastStep < 1:
		return fmt.Errorf("step %d cannot be the last barrier", r.LastStep)
	case n < minMembers || n > maxMembers:
		return fmt.Errorf("%d members: it needs %d to %d", n, minMembers, maxMembers)
	case r.Result() == nil:
		return errors.New("no member attests anything")
	}
	seen := make(map[peer.ID]int, n)
	for i, m := range r.Members {
		if err := m.validate(); err != nil {
			return fmt.Errorf("operator %d: %w", i, err)
		}
		if first, ok := seen[m.ID]; ok {
			return fmt.Errorf("operators %d and %d have the same peer ID", first, i)
		}
		seen[m.ID] = i
	}
	return nil
}

func (a Attestation) validate() error {
	if err := (Peer{ID: a.ID}).validate(); err != nil {
		return err
	}
	switch {
	case a.Session == 0 && len(a.Result)+len(a.Signature)+len(a.PublicKey) > 0:
		return errors.New("it attests a result, but has no session")
	case a.Session == 0:
		return nil
	case len(a.Result) == 0 || len(a.Result) > stream.MaxResult:
		return fmt.Errorf("a result of %d bytes: it needs 1 to %d", len(a.Result), stream.MaxResult)
	case len(a.Signature) == 0 || len(a.Signature) > stream.MaxAttestation:
		return fmt.Errorf("a signature of %d bytes: it needs 1 to %d", len(a.Signature), stream.MaxAttestation)
	}
	_, err := a.key()
	return err
}

// key returns the key that the member signs with. The peer ID contains the key, or
// is its digest.
func (a Attestation) key() (crypto.PubKey, error) {
	if key, err := a.ID.ExtractPublicKey(); err == nil {
		if len(a.PublicKey) > 0 {
			return nil, errors.New("it repeats the public key that its peer ID contains")
		}
		return key, nil
	}
	key, err := crypto.UnmarshalPublicKey(a.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("its public key: %w", err)
	}
	if raw, err := crypto.MarshalPublicKey(key); err != nil || !bytes.Equal(raw, a.PublicKey) {
		return nil, errors.New("its public key is not encoded as libp2p does")
	}
	if !a.ID.MatchesPublicKey(key) {
		return nil, errors.New("its public key is not the one of its peer ID")
	}
	return key, nil
}

// receiptJSON and attestationJSON are the JSON form of a receipt.
type receiptJSON struct {
	Type           string            `json:"type"`
	DefinitionHash hexBytes          `json:"definition_hash"`
	LastStep       int64             `json:"last_step"`
	Members        []attestationJSON `json:"members"`
}

type attestationJSON struct {
	ID        string   `json:"peer_id"`
	Session   hexBytes `json:"session,omitempty"`
	Result    hexBytes `json:"result,omitempty"`
	Signature hexBytes `json:"signature,omitempty"`
	PublicKey hexBytes `json:"public_key,omitempty"`
}

// hexBytes is written as lower-case hex.
type hexBytes []byte

// MarshalText implements [encoding.TextMarshaler].
func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// MarshalJSON implements [json.Marshaler].
func (r Receipt) MarshalJSON() ([]byte, error) {
	j := receiptJSON{Type: receiptType, DefinitionHash: r.DefinitionHash, LastStep: r.LastStep}
	for _, m := range r.Members {
		member := attestationJSON{ID: m.ID.String(), Result: m.Result, Signature: m.Signature, PublicKey: m.PublicKey}
		if m.Session != 0 {
			member.Session = binary.BigEndian.AppendUint64(nil, m.Session)
		}
		j.Members = append(j.Members, member)
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements [json.Unmarshaler]. It does what [ParseReceipt] does, for
// a receipt within other JSON, where it may be indented.
func (r *Receipt) UnmarshalJSON(data []byte) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return invalid("receipt", "%w", err)
	}
	parsed, err := ParseReceipt(compact.Bytes())
	if err == nil {
		*r = *parsed
	}
	return err
}

// ParseReceipt reads a receipt that json.Marshal has written. It is strict: a
// receipt has exactly one encoding. It refuses any other bytes with an [ErrInvalid].
// It does not check the signatures: [Receipt.Verify] does.
func ParseReceipt(data []byte) (*Receipt, error) {
	r, err := parseReceipt(data)
	if err != nil {
		return nil, invalid("receipt", "%w", err)
	}
	return r, nil
}

func parseReceipt(data []byte) (*Receipt, error) {
	switch { // before the data is decoded
	case len(data) > maxReceipt:
		return nil, fmt.Errorf("%d bytes: it has at most %d", len(data), maxReceipt)
	case bytes.Count(data, []byte(",")) > (maxMembers+1)*fieldCount:
		return nil, fmt.Errorf("it has more than %d members", maxMembers)
	}
	var j receiptJSON
	err := json.Unmarshal(data, &j)
	wrong, misplaced := errors.AsType[*json.UnmarshalTypeError](err) // the rest of the JSON has been read all the same
	switch {
	case misplaced && wrong.Field == "":
		return nil, fmt.Errorf("it is a JSON %s, not an object", wrong.Value)
	case err != nil && !misplaced:
		return nil, err
	case j.Type != receiptType:
		return nil, fmt.Errorf("its type is %q: this program reads %q", printable(j.Type, maxNickname), receiptType)
	case misplaced:
		return nil, fmt.Errorf("%s must not be a JSON %s", wrong.Field, printable(wrong.Value, maxNickname))
	}
	r := &Receipt{DefinitionHash: j.DefinitionHash, LastStep: j.LastStep}
	for i, m := range j.Members {
		id, err := peer.Decode(m.ID)
		if err != nil {
			return nil, fmt.Errorf("operator %d: its peer ID: %w", i, err)
		}
		member := Attestation{ID: id, Result: m.Result, Signature: m.Signature, PublicKey: m.PublicKey}
		if len(m.Session) == 8 {
			member.Session = binary.BigEndian.Uint64(m.Session)
		}
		r.Members = append(r.Members, member)
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	if canonical, err := r.MarshalJSON(); err != nil || !bytes.Equal(canonical, data) {
		return nil, errors.New("it is not written as a receipt must be: no spaces, no other fields, lower-case hex")
	}
	return r, nil
}

// clone copies a receipt, so that the caller can change the copy.
func (r *Receipt) clone() *Receipt {
	if r == nil {
		return nil
	}
	c := &Receipt{LastStep: r.LastStep}
	c.DefinitionHash, c.Members = slices.Clone(r.DefinitionHash), slices.Clone(r.Members)
	for i := range c.Members {
		m := &c.Members[i]
		m.Result, m.Signature = slices.Clone(m.Result), slices.Clone(m.Signature)
		m.PublicKey = slices.Clone(m.PublicKey)
	}
	return c
}

var errHashIsStatement = fmt.Errorf("it begins like the text that a member signs to attest a result (%q): "+
	"a member that signed it could be made to attest anything", strings.TrimSuffix(stream.StatementPrefix, "\x00"))

// isStatement reports whether a definition hash could be mistaken for the statement
// of an attestation. A member signs both with the same key.
func isStatement(hash []byte) bool { return bytes.HasPrefix(hash, []byte(stream.StatementPrefix)) }
