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

// orderOfSecp256k1 is the order of the curve: how many points it has.
var orderOfSecp256k1, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)

// Sign signs a statement so that [IsAttested] accepts the signature.
func Sign(key crypto.PrivKey, statement []byte) ([]byte, error) {
	signature, err := key.Sign(statement)
	if err != nil {
		return nil, err
	}
	return canonical(key.GetPublic(), signature)
}

// IsAttested reports whether key made a signature over a statement. The key may be nil.
// Unlike [crypto.PubKey], IsAttested accepts only one encoding of a signature, so that
// nobody can turn one signature into another.
func IsAttested(key crypto.PubKey, statement, signature []byte) bool {
	if !isSigned(key, statement, signature) {
		return false
	}
	one, err := canonical(key, signature)
	return err == nil && bytes.Equal(one, signature)
}

// canonical returns the one encoding of a signature that counts. An ECDSA signature is
// a pair of numbers. If it verifies, it also verifies with the second number replaced
// by the order of the curve minus that number. Of these two signatures, only the one
// with the lower second number is accepted, and the pair is encoded as DER. The
// signatures of other keys have only one encoding.
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

// orderOf returns the order of the curve of an ECDSA key, and nil for any other key.
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
