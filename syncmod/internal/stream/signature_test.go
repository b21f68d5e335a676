package stream

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/stretchr/testify/require"
)

// signingKeys returns a key of each type that libp2p has, and of each curve.
func signingKeys(t *testing.T) map[string]crypto.PrivKey {
	t.Helper()
	keys := make(map[string]crypto.PrivKey)
	for name, of := range map[string]int{"secp256k1": crypto.Secp256k1, "Ed25519": crypto.Ed25519, "RSA": crypto.RSA} {
		key, _, err := crypto.GenerateKeyPairWithReader(of, 2048, rand.Reader)
		require.NoError(t, err)
		keys[name] = key
	}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, _, err := crypto.GenerateECDSAKeyPairWithCurve(curve, rand.Reader)
		require.NoError(t, err)
		keys["ECDSA "+curve.Params().Name] = key
	}
	return keys
}

// otherEncodings returns a signature in other encodings that might verify too.
func otherEncodings(t *testing.T, key crypto.PubKey, signature []byte) map[string][]byte {
	t.Helper()
	others := map[string][]byte{
		"a byte more":           append(slices.Clone(signature), 0),
		"a byte more before it": append([]byte{0}, signature...),
		"a byte less":           signature[:len(signature)-1],
		"itself twice":          append(slices.Clone(signature), signature...),
	}
	for i := range len(signature) * 8 {
		flipped := slices.Clone(signature)
		flipped[i/8] ^= 1 << (i % 8)
		others["another bit "+big.NewInt(int64(i)).String()] = flipped
	}
	if order, err := orderOf(key); order != nil {
		require.NoError(t, err)
		var pair crypto.ECDSASig
		_, err := asn1.Unmarshal(signature, &pair)
		require.NoError(t, err)
		for name, change := range map[string]crypto.ECDSASig{
			"the high s":   {R: pair.R, S: new(big.Int).Sub(order, pair.S)},
			"s and n":      {R: pair.R, S: new(big.Int).Add(order, pair.S)},
			"r and n":      {R: new(big.Int).Add(order, pair.R), S: pair.S},
			"a negative s": {R: pair.R, S: new(big.Int).Neg(pair.S)},
		} {
			others[name], err = asn1.Marshal(change)
			require.NoError(t, err)
		}
		three, err := asn1.Marshal([]*big.Int{pair.R, pair.S, big.NewInt(1)})
		require.NoError(t, err)
		others["a third number"] = three
		content := signature[bytes.IndexByte(signature, 0x02):]
		others["a longer length"] = append([]byte{0x30, 0x82, 0, byte(len(content))}, content...)
		padded := append([]byte{0x02, content[1] + 1, 0}, content[2:]...)
		others["r with a zero before it"] = append([]byte{0x30, byte(len(padded))}, padded...)
	}
	return others
}

func TestASignatureHasOneEncoding(t *testing.T) {
	statement := []byte("what is attested")
	for name, key := range signingKeys(t) {
		t.Run(name, func(t *testing.T) {
			var signature []byte
			for range 16 { // each has a high or a low s, by chance
				var err error
				signature, err = Sign(key, statement)
				require.NoError(t, err)
				require.True(t, IsAttested(key.GetPublic(), statement, signature))
			}
			require.False(t, IsAttested(key.GetPublic(), []byte("another"), signature))
			for what, other := range otherEncodings(t, key.GetPublic(), signature) {
				require.False(t, IsAttested(key.GetPublic(), statement, other), what)
			}
		})
	}
	require.False(t, IsAttested(nil, statement, []byte("signature")))
}

// The key accepts other encodings, but attestations do not.
func TestOtherEncodingsAreRefused(t *testing.T) {
	key, public, err := crypto.GenerateECDSAKeyPair(rand.Reader)
	require.NoError(t, err)
	statement := []byte("what is attested")
	signature, err := Sign(key, statement)
	require.NoError(t, err)

	for _, what := range []string{"the high s", "a byte more"} {
		other := otherEncodings(t, public, signature)[what]

		taken, err := public.Verify(statement, other)
		require.NoError(t, err)
		require.True(t, taken, what)
		require.False(t, IsAttested(public, statement, other), what)
	}
}
