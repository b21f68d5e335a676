package stream

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
)

// orderOfSecp256k1 is how many points the curve has.
var orderOfSecp256k1, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)

// Sign signs a statement so that [IsAttested] takes it.
func Sign(key crypto.PrivKey, statement []byte) ([]byte, error) {
	signature, err := key.Sign(statement)
	if err != nil {
		return nil, err
	}
	return canonical(key.GetPublic(), signature)
}

// IsAttested reports whether a signature is that of a key, which may be missing, over
// a statement. Unlike [crypto.PubKey] it takes a signature in one encoding only, so
// that nobody can make another of it.
func IsAttested(key crypto.PubKey, statement, signature []byte) bool {
	if !isSigned(key, statement, signature) {
		return false
	}
	one, err := canonical(key, signature)
	return err == nil && bytes.Equal(one, signature)
}

// canonical returns a signature in its one encoding: a pair of numbers of which
// either the second one verifies or what is missing of it to the order of the curve.
// The lower one counts, in DER. Signatures of other keys have one encoding as it is.
func canonical(key crypto.PubKey, signature []byte) ([]byte, error) {
	order, err := orderOf(key)
	if order == nil {
		return signature, err
	}
	var pair crypto.ECDSASig
	if _, err := asn1.Unmarshal(signature, &pair); err != nil {
		return nil, err
	}
	if half := new(big.Int).Rsh(order, 1); pair.S.Cmp(half) > 0 {
		pair.S.Sub(order, pair.S)
	}
	return asn1.Marshal(pair)
}

// orderOf returns the order of the curve of a key that signs with a pair of numbers,
// nil for any other.
func orderOf(key crypto.PubKey) (*big.Int, error) {
	switch key.Type() {
	case pb.KeyType_Secp256k1:
		return orderOfSecp256k1, nil
	case pb.KeyType_ECDSA:
		standard, err := crypto.PubKeyToStdKey(key)
		if err != nil {
			return nil, err
		}
		public, ok := standard.(*ecdsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("an ECDSA key of another kind: %T", standard)
		}
		return public.Params().N, nil
	}
	return nil, nil
}
