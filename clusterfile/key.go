package clusterfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/libp2p/go-libp2p/core/crypto"
)

const (
	keySize    = secp256k1.PrivKeyBytesLen
	maxKeyFile = 64 << 10
)

// ReadKey reads the private key of a node: 64 hex digits of a secp256k1 key, as in
// Charon's charon-enr-private-key and in what [CreateKey] writes.
func ReadKey(path string) (crypto.PrivKey, error) {
	text, err := read(path, maxKeyFile)
	if err != nil {
		return nil, about(path, err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, about(path, err)
	}
	return key, nil
}

// parseKey keeps the text out of its errors, whatever it is.
func parseKey(text string) (crypto.PrivKey, error) {
	switch kindOf(text) {
	case ownDefinition, charonDefinition:
		return nil, errors.New("it is a definition, not a private key: were the two files swapped?")
	case clusterLock:
		return nil, errors.New("it is a Charon cluster lock, not a private key: " + whereKeysAre)
	case keystore:
		return nil, errors.New("it is an encrypted keystore, as validators and accounts have, not the key of a node: " +
			whereKeysAre)
	case nodeRecord:
		return nil, errors.New("it is an ENR, the public half of a key: give the file of the private key")
	case pemFile:
		return nil, errors.New("it is a PEM file: " + whereKeysAre)
	case webPage, serverError:
		return nil, errors.New("it is the error page of a server, not a private key: " + whereKeysAre)
	}
	digits := withoutHexPrefix(text)
	raw, err := hex.DecodeString(digits)
	if err != nil && !errors.Is(err, hex.ErrLength) {
		return nil, errors.New("it is not a key in hex: " + whereKeysAre)
	}
	if len(digits) != 2*keySize {
		return nil, fmt.Errorf("%d hex digits, but a secp256k1 key has %d: copy the file again", len(digits), 2*keySize)
	}
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(raw); overflow || scalar.IsZero() {
		return nil, errors.New("it is not a secp256k1 key: its value is out of range; " +
			"copy the file again, or make another key")
	}
	return crypto.UnmarshalSecp256k1PrivateKey(raw)
}

const whereKeysAre = "the key of a node is a file of 64 hex digits (Charon's charon-enr-private-key)"

// CreateKey makes a new private key and writes it to a file that only its owner can
// read (mode 0600). It never overwrites a file. Charon reads the file too.
func CreateKey(path string) (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	raw, err := key.Raw()
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	if err := create(path, hex.EncodeToString(raw), 0o600); err != nil {
		return nil, about(path, err)
	}
	return key, nil
}
