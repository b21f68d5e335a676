package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

const (
	maxRecord     = 300 // bytes, EIP-778
	signatureSize = 64  // bytes: r and s
)

// peerIDFromENR returns the libp2p peer ID of the key in an Ethereum node
// record (EIP-778), once the record's signature has been verified with it.
func peerIDFromENR(text string) (peer.ID, error) {
	encoded, ok := strings.CutPrefix(text, "enr:")
	if !ok {
		return "", errors.New(`it does not begin with "enr:"`)
	}
	record, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", errors.New("it is not base64")
	}
	if len(record) > maxRecord {
		return "", fmt.Errorf("%d bytes, a record has at most %d", len(record), maxRecord)
	}
	isList, list, rest, err := splitRLP(record)
	if err != nil {
		return "", err
	}
	if !isList || len(rest) > 0 {
		return "", errors.New("it is not one RLP list")
	}
	isList, signature, content, err := splitRLP(list) // [signature, sequence number, key, value, key, value, …]
	if err != nil {
		return "", err
	}
	if isList || len(signature) != signatureSize {
		return "", fmt.Errorf("its signature does not have %d bytes", signatureSize)
	}
	pairs, err := recordPairs(content)
	if err != nil {
		return "", err
	}
	if scheme := string(pairs["id"]); scheme != "v4" {
		return "", fmt.Errorf("its identity scheme is %q instead of v4", scheme)
	}
	key, err := secp256k1.ParsePubKey(pairs["secp256k1"])
	if err != nil {
		return "", errors.New("it has no valid secp256k1 key")
	}
	if !validRecordSignature(signature, content, key) {
		return "", errors.New("its signature is not valid")
	}
	return peer.IDFromPublicKey((*crypto.Secp256k1PublicKey)(key))
}

// recordPairs reads what follows the signature: a sequence number, then pairs
// in the order of their keys. A value that is a list is left encoded.
func recordPairs(content []byte) (map[string][]byte, error) {
	_, _, rest, err := splitRLP(content)
	if err != nil {
		return nil, err
	}
	pairs := make(map[string][]byte)
	for last := ""; len(rest) > 0; {
		var key, value []byte
		if _, key, rest, err = splitRLP(rest); err != nil {
			return nil, err
		}
		if _, value, rest, err = splitRLP(rest); err != nil {
			return nil, err
		}
		if string(key) <= last {
			return nil, errors.New("its keys are not in order")
		}
		last = string(key)
		pairs[last] = value
	}
	return pairs, nil
}

// validRecordSignature verifies the v4 identity scheme: the key signs the
// Keccak-256 hash of the list without the signature.
func validRecordSignature(signature, content []byte, key *secp256k1.PublicKey) bool {
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(signature[:32]) || s.SetByteSlice(signature[32:]) {
		return false // above the order of the curve
	}
	hash := sha3.NewLegacyKeccak256()
	hash.Write(listHeader(len(content)))
	hash.Write(content)
	return ecdsa.NewSignature(&r, &s).Verify(hash.Sum(nil), key)
}

var errRLP = errors.New("it is cut off or damaged")

// RLP, as much of it as a record needs: an item is a string or a list, its
// first byte says which. Up to 55 bytes of payload, it says their number as
// well; above, it says how many bytes of length follow. A byte below 0x80 is
// itself a string.
const (
	shortString, longString = 0x80, 0xb7
	shortList, longList     = 0xc0, 0xf7
	maxShort                = 55
)

// splitRLP takes the first item off b.
func splitRLP(b []byte) (isList bool, payload, rest []byte, err error) {
	if len(b) == 0 {
		return false, nil, nil, errRLP
	}
	first := b[0]
	if first < shortString {
		return false, b[:1], b[1:], nil
	}
	short, long := byte(shortString), byte(longString)
	if isList = first >= shortList; isList {
		short, long = shortList, longList
	}
	header, size := 1, int(first-short)
	if first > long {
		header, size = 1+int(first-long), 0
		if header > 3 || len(b) < header {
			return false, nil, nil, errRLP
		}
		for _, digit := range b[1:header] {
			size = size<<8 | int(digit)
		}
	}
	if len(b)-header < size {
		return false, nil, nil, errRLP
	}
	return isList, b[header : header+size], b[header+size:], nil
}

// listHeader is what stands before the items of a list of size bytes.
func listHeader(size int) []byte {
	switch {
	case size <= maxShort:
		return []byte{byte(shortList + size)}
	case size < 1<<8:
		return []byte{longList + 1, byte(size)}
	default:
		return []byte{longList + 2, byte(size >> 8), byte(size)}
	}
}
