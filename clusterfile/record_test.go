package clusterfile

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/ethereum/go-ethereum/p2p/enr"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/stretchr/testify/require"
)

// anyKey is an identity scheme that accepts any signature.
type anyKey struct{ schemeV4 }

func (anyKey) Verify(*enr.Record, []byte) error { return nil }

// record returns an ENR with any entries, signed as the identity scheme v4 requires.
func record(t *testing.T, key *secp256k1.PrivateKey, entries ...enr.Entry) string {
	t.Helper()
	r := new(enr.Record)
	for _, entry := range entries {
		r.Set(entry)
	}
	hash, err := signedHash(r)
	require.NoError(t, err)
	require.NoError(t, r.SetSig(anyKey{}, ecdsa.SignCompact(key, hash, true)[1:]))
	encoded, err := rlp.EncodeToBytes(r)
	require.NoError(t, err)
	return enrPrefix + base64.RawURLEncoding.EncodeToString(encoded)
}

func TestASignedRecordMayBeBad(t *testing.T) {
	key, err := secp256k1.GeneratePrivateKey()
	require.NoError(t, err)
	compressed := publicKey(key.PubKey().SerializeCompressed())
	_, err = ParseENR(record(t, key, enr.IDv4, compressed))
	require.NoError(t, err)

	for want, text := range map[string]string{
		`the ENR's identity scheme is "v5", but only v4 is supported`: record(t, key, enr.ID("v5"), compressed),
		"the ENR has no secp256k1 key":                                record(t, key, enr.IDv4),
		"the ENR has no valid secp256k1 key: copy it again": record(t, key, enr.IDv4,
			publicKey(key.PubKey().SerializeUncompressed())),
		"it is not an ENR: it has 301 bytes, " +
			"but an ENR has at most 300": enrPrefix + strings.Repeat("AAAA", 100) + "AA",
		"the ENR is cut off or damaged: copy it again":      enrPrefix + strings.Repeat("AAAA", 100),
		"it is not an ENR: it is not base64; copy it again": enrPrefix + "ä",
	} {
		_, err := ParseENR(text)

		require.EqualError(t, err, want)
	}
}
