package dkg

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/drand/kyber"
	bls12381 "github.com/drand/kyber-bls12381"
	pedersen "github.com/drand/kyber/share/dkg"
	"github.com/drand/kyber/sign/tbls"
)

const (
	keySize       = 48 // bytes of a group key: a compressed point of G1
	scalarSize    = 32 // bytes of a secret
	signatureSize = 96 // bytes of a signature: a compressed point of G2
	indexSize     = 2  // bytes of the operator index before a partial signature
)

// suite hashes messages to G2 as Ethereum does.
var suite = bls12381.NewBLS12381SuiteWithDST(nil, []byte("BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"))

// scheme has keys in G1 and signatures in G2.
var scheme = tbls.NewThresholdSchemeOnG2(suite)

// keys returns G1, the group of the public keys.
func keys() pedersen.Suite { return suite.G1().(pedersen.Suite) }

// parsePoint reads a public key. It refuses the point at infinity, because anyone
// could sign for that key.
func parsePoint(data []byte) (kyber.Point, error) {
	p := keys().Point()
	if err := p.UnmarshalBinary(data); err != nil {
		return nil, errors.New("it is not a point of BLS12-381's G1")
	}
	if p.Equal(keys().Point().Null()) {
		return nil, errors.New("it is the point at infinity")
	}
	return p, nil
}

// parseScalar reads a secret. Its error does not quote the bytes.
func parseScalar(data []byte) (kyber.Scalar, error) {
	s := keys().Scalar()
	if err := s.UnmarshalBinary(data); err != nil || s.Equal(keys().Scalar().Zero()) {
		return nil, errors.New("it is not a secret key of BLS12-381")
	}
	return s, nil
}

// encode encodes a point or a scalar. That cannot fail for the points and scalars of this package.
func encode(m kyber.Marshaling) []byte {
	data, err := m.MarshalBinary()
	if err != nil {
		panic(fmt.Sprintf("encoding a %T: %v", m, err))
	}
	return data
}

// Sign returns this member's partial signature of a message: the operator index in 2
// bytes, big endian, and a signature of 96 bytes.
func (s *Share) Sign(message []byte) ([]byte, error) {
	partial, err := scheme.Sign(s.private(), message)
	if err != nil {
		return nil, fmt.Errorf("signing with the share of operator %d: %w", s.Index, err)
	}
	return partial, nil
}

// Recover makes the group's signature of a message from the partial signatures of at
// least Threshold members. The signature has 96 bytes, and is the same whichever
// members sign. Recover ignores partial signatures that are invalid or repeated. If too
// few remain, the error says which ones were invalid.
func (s *Share) Recover(message []byte, partials ...[]byte) ([]byte, error) {
	valid := make(map[uint16][]byte)
	var refused []string
	for i, partial := range partials {
		if len(partial) != indexSize+signatureSize {
			refused = append(refused, fmt.Sprintf("number %d has %d bytes", i, len(partial)))
			continue
		}
		index := binary.BigEndian.Uint16(partial)
		if int(index) >= len(s.Members) || scheme.VerifyPartial(s.public, message, partial) != nil {
			refused = append(refused, fmt.Sprintf("number %d is not a valid signature of operator %d", i, index))
			continue
		}
		valid[index] = partial
	}
	if len(valid) < s.Threshold {
		few := fmt.Sprintf("%d valid partial signatures, but those of %d members are needed", len(valid), s.Threshold)
		return nil, errors.New(strings.Join(append([]string{few}, refused...), "; "))
	}
	enough := make([][]byte, 0, len(valid))
	for _, partial := range valid {
		enough = append(enough, partial)
	}
	return scheme.Recover(s.public, message, enough, s.Threshold, len(s.Members))
}

// Verify checks a signature of a message by a group key.
func Verify(groupKey, message, signature []byte) error {
	key, err := parsePoint(groupKey)
	if err != nil {
		return fmt.Errorf("group key: %w", err)
	}
	if len(signature) != signatureSize || scheme.VerifyRecovered(key, message, signature) != nil {
		return fmt.Errorf("the signature is not by group key %s", shortKey(groupKey))
	}
	return nil
}

// shortKey returns the start of a group key for use in sentences.
func shortKey(key []byte) string {
	const shown = 8
	return hex.EncodeToString(key[:min(shown, len(key))]) + "…"
}
