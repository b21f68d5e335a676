package dkg

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/drand/kyber"
	"github.com/drand/kyber/share"
	"github.com/libp2p/go-libp2p/core/peer"
)

// shareType is the type of a share's file.
const shareType = "fxapp/share/v1"

// Share is a member's share of a group key. It includes the public polynomial, which
// verifies everyone's partial signatures. The secret is never printed, neither by fmt
// nor as JSON.
type Share struct {
	DefinitionHash []byte
	Members        []peer.ID // all, in operator order
	Index          int       // the operator index of the share's owner
	Threshold      int       // how many shares can sign together
	GroupKey       []byte    // 48 bytes: a compressed point of G1

	public *share.PubPoly
	secret kyber.Scalar
}

// Threshold returns how many of n members can sign together: n - (n-1)/3, as in
// Charon's clusters. That many members remain when the largest tolerable number of
// members fails.
func Threshold(n int) int { return n - (n-1)/3 }

// Format prints a name for the share. It leaves the secret out, whatever the verb.
func (s Share) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "operator %d's share of group key %s", s.Index, shortKey(s.GroupKey))
}

func (s *Share) private() *share.PriShare { return &share.PriShare{I: s.Index, V: s.secret} }

// shareFile is the JSON form of a share.
type shareFile struct {
	Type           string     `json:"type"`
	DefinitionHash hexBytes   `json:"definition_hash"`
	Members        []string   `json:"members"`
	Index          int        `json:"operator_index"`
	Threshold      int        `json:"threshold"`
	GroupKey       hexBytes   `json:"group_key"`
	Commitments    []hexBytes `json:"commitments"`
	Secret         hexBytes   `json:"secret_share"`
}

// encode returns the content of the share's file.
func (s *Share) encode() ([]byte, error) {
	f := shareFile{
		Type: shareType, DefinitionHash: s.DefinitionHash, Index: s.Index, Threshold: s.Threshold,
		GroupKey: s.GroupKey, Secret: encode(s.secret),
	}
	for _, id := range s.Members {
		f.Members = append(f.Members, id.String())
	}
	_, commitments := s.public.Info()
	for _, c := range commitments {
		f.Commitments = append(f.Commitments, encode(c))
	}
	content, err := json.MarshalIndent(f, "", "  ")
	return append(content, '\n'), err
}

// parseShare reads the content of a share's file, and checks that its parts fit
// together. No error contains any part of the secret.
func parseShare(content []byte) (*Share, error) {
	var f shareFile
	if err := json.Unmarshal(content, &f); err != nil {
		return nil, errors.New("it is not a share: restore it from a backup, or move it away")
	}
	s := &Share{DefinitionHash: f.DefinitionHash, Index: f.Index, Threshold: f.Threshold, GroupKey: f.GroupKey}
	for i, text := range f.Members {
		id, err := peer.Decode(text)
		if err != nil {
			return nil, fmt.Errorf("it is damaged: the peer ID of operator %d cannot be read", i)
		}
		s.Members = append(s.Members, id)
	}
	commitments := make([]kyber.Point, 0, len(f.Commitments))
	for i, data := range f.Commitments {
		c := keys().Point()
		if c.UnmarshalBinary(data) != nil {
			return nil, fmt.Errorf("it is damaged: commitment %d is not a point of BLS12-381's G1", i)
		}
		commitments = append(commitments, c)
	}
	n := len(s.Members)
	switch {
	case f.Type != shareType:
		return nil, fmt.Errorf("its type is not %q", shareType)
	case f.Index < 0 || f.Index >= n:
		return nil, fmt.Errorf("it is damaged: it belongs to operator %d, but the members are operators 0 to %d",
			f.Index, n-1)
	case f.Threshold != Threshold(n) || len(commitments) != f.Threshold:
		return nil, fmt.Errorf("it is damaged: its threshold must be %d of %d", Threshold(n), n)
	}
	var err error
	if s.secret, err = parseScalar(f.Secret); err != nil {
		return nil, errors.New("it is damaged: its secret cannot be read")
	}
	s.public = newPublic(commitments)
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return s, nil
}

func newPublic(commitments []kyber.Point) *share.PubPoly {
	return share.NewPubPoly(keys(), keys().Point().Base(), commitments)
}

// check checks that a share can sign for its group key.
func (s *Share) check() error {
	if _, err := parsePoint(s.GroupKey); err != nil || !bytes.Equal(s.GroupKey, encode(s.public.Commit())) {
		return errors.New("its group key does not match its commitments")
	}
	if !s.public.Check(s.private()) {
		return errors.New("its secret does not match its commitments")
	}
	return nil
}

// hexBytes is encoded as lower-case hex.
type hexBytes []byte

// MarshalText implements [encoding.TextMarshaler].
func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}
