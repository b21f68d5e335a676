package clusterfile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/ethereum/go-ethereum/p2p/enr"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

const enrPrefix = "enr:"

// ENR returns the Ethereum node record (EIP-778) of a private key. The record contains
// the public key and a signature. Charon identifies operators by their ENRs. The key
// must be a secp256k1 key. The same key always gives the same record.
func ENR(key crypto.PrivKey) (string, error) {
	private, ok := key.(*crypto.Secp256k1PrivateKey)
	if !ok {
		return "", errors.New("an ENR needs a secp256k1 key: make one with CreateKey")
	}
	k := (*secp256k1.PrivateKey)(private)
	record := new(enr.Record)
	record.Set(enr.IDv4)
	record.Set(publicKey(k.PubKey().SerializeCompressed()))
	hash, err := signedHash(record)
	if err != nil {
		return "", fmt.Errorf("making an ENR: %w", err)
	}
	signature := ecdsa.SignCompact(k, hash, true)[1:] // without the recovery code
	if err := record.SetSig(schemeV4{}, signature); err != nil {
		return "", fmt.Errorf("making an ENR: %w", err)
	}
	encoded, err := rlp.EncodeToBytes(record)
	if err != nil {
		return "", fmt.Errorf("making an ENR: %w", err)
	}
	return enrPrefix + base64.RawURLEncoding.EncodeToString(encoded), nil
}

// ParseENR returns the libp2p peer ID of the key in an Ethereum node record. It
// verifies the record's signature.
func ParseENR(text string) (peer.ID, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), enrPrefix)
	if !ok {
		return "", errors.New(`it is not an ENR: it does not begin with "enr:"`)
	}
	binary, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return "", errors.New("it is not an ENR: it is not base64; copy it again")
	}
	if len(binary) > enr.SizeLimit {
		return "", fmt.Errorf("it is not an ENR: it has %d bytes, but an ENR has at most %d",
			len(binary), enr.SizeLimit)
	}
	var record enr.Record
	if err := rlp.DecodeBytes(binary, &record); err != nil {
		return "", errors.New("the ENR is cut off or damaged: copy it again")
	}
	if scheme := record.IdentityScheme(); scheme != string(enr.IDv4) {
		return "", fmt.Errorf("the ENR's identity scheme is %q, but only v4 is supported", scheme)
	}
	var raw publicKey
	if err := record.Load(&raw); err != nil {
		return "", errors.New("the ENR has no secp256k1 key")
	}
	key, err := raw.parse()
	if err != nil {
		return "", err
	}
	if err := record.VerifySignature(enr.SchemeMap{string(enr.IDv4): schemeV4{}}); err != nil {
		return "", errors.New("the ENR's signature is not valid, so it was changed or not copied whole: copy it again")
	}
	return peer.IDFromPublicKey((*crypto.Secp256k1PublicKey)(key))
}

// publicKey is the entry of a record that holds the compressed public key.
type publicKey []byte

// ENRKey returns the name of the entry.
func (publicKey) ENRKey() string { return "secp256k1" }

func (k publicKey) parse() (*secp256k1.PublicKey, error) {
	key, err := secp256k1.ParsePubKey(k)
	if err != nil || len(k) != secp256k1.PubKeyBytesLenCompressed {
		return nil, errors.New("the ENR has no valid secp256k1 key: copy it again")
	}
	return key, nil
}

// schemeV4 is the identity scheme v4 of EIP-778. It uses the curve library that libp2p
// also uses. go-ethereum's own implementation would add a C library and a database to
// the dependencies.
type schemeV4 struct{}

var _ enr.IdentityScheme = schemeV4{}

// Verify verifies a signature as go-ethereum does. Every signature has a second valid
// form, which both Verify and go-ethereum refuse.
func (schemeV4) Verify(r *enr.Record, signature []byte) error {
	var raw publicKey
	if err := r.Load(&raw); err != nil {
		return err
	}
	key, err := raw.parse()
	if err != nil {
		return err
	}
	hash, err := signedHash(r)
	if err != nil {
		return err
	}
	var x, s secp256k1.ModNScalar
	const half = 32
	if len(signature) != 2*half || x.SetByteSlice(signature[:half]) || s.SetByteSlice(signature[half:]) ||
		s.IsOverHalfOrder() || !ecdsa.NewSignature(&x, &s).Verify(hash, key) {
		return enr.ErrInvalidSig
	}
	return nil
}

// NodeAddr returns the node ID of Ethereum's discovery protocol.
func (schemeV4) NodeAddr(r *enr.Record) []byte {
	var raw publicKey
	if err := r.Load(&raw); err != nil {
		return nil
	}
	key, err := raw.parse()
	if err != nil {
		return nil
	}
	hash := sha3.NewLegacyKeccak256()
	hash.Write(key.SerializeUncompressed()[1:])
	return hash.Sum(nil)
}

// signedHash returns the hash that the key of a record signs. It covers everything but
// the signature.
func signedHash(r *enr.Record) ([]byte, error) {
	hash := sha3.NewLegacyKeccak256()
	if err := rlp.Encode(hash, r.AppendElements(nil)); err != nil {
		return nil, err
	}
	return hash.Sum(nil), nil
}
