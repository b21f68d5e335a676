package dkg

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnyThresholdOfSharesSigns(t *testing.T) {
	shares := newFinished(t, 4).shares // 3 of 4
	message := []byte("a block")
	var partials [][]byte
	for _, s := range shares {
		partial, err := s.Sign(message)
		require.NoError(t, err)
		require.Len(t, partial, 98)
		partials = append(partials, partial)
	}
	var signature []byte
	for without := range partials {
		three := slices.Delete(slices.Clone(partials), without, without+1)
		slices.Reverse(three)
		got, err := shares[without].Recover(message, three...)
		require.NoError(t, err)
		require.Len(t, got, 96)
		if signature != nil {
			require.Equal(t, signature, got)
		}
		signature = got
	}
	require.NoError(t, Verify(shares[0].GroupKey, message, signature))
	require.ErrorContains(t, Verify(shares[0].GroupKey, []byte("another block"), signature), "is not by group key")
	require.Error(t, Verify(shares[0].GroupKey, message, partials[0]))
	require.Error(t, Verify(shares[0].GroupKey, message, partials[0][2:]), "one member's")
}

func TestTooFewSignaturesAreRefused(t *testing.T) {
	shares := newFinished(t, 4).shares
	message := []byte("a block")
	var partials [][]byte
	for _, s := range shares {
		partial, err := s.Sign(message)
		require.NoError(t, err)
		partials = append(partials, partial)
	}
	garbled := slices.Clone(partials[2])
	garbled[50] ^= 1
	stolen := slices.Clone(partials[2]) // names another operator
	binary.BigEndian.PutUint16(stolen, 3)
	nobody := slices.Clone(partials[2])
	binary.BigEndian.PutUint16(nobody, 4)
	const few = "2 valid partial signatures, but those of 3 members are needed"
	for want, last := range map[string][]byte{
		// It is there twice.
		few: partials[1],
		few + "; number 2 is not a valid signature of operator 2": garbled,
		few + "; number 2 is not a valid signature of operator 3": stolen,
		few + "; number 2 is not a valid signature of operator 4": nobody,
		few + "; number 2 has 1 bytes":                            {0},
		few + "; number 2 has 0 bytes":                            nil,
	} {
		_, err := shares[0].Recover(message, partials[0], partials[1], last)
		require.EqualError(t, err, want)
	}
	_, err := shares[0].Recover(message, partials[0], garbled, partials[1], partials[1], partials[3])
	require.NoError(t, err, "invalid signatures are ignored")
}

// The test vector comes from Ethereum's consensus specification of BLS signatures.
func TestEthereumSignatures(t *testing.T) {
	secret, err := hex.DecodeString("263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3")
	require.NoError(t, err)
	want, err := hex.DecodeString("b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6" +
		"076334f91e2366c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24" +
		"802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55")
	require.NoError(t, err)
	s := &Share{}
	s.secret, err = parseScalar(secret)
	require.NoError(t, err)
	message := make([]byte, 32)

	partial, err := s.Sign(message)

	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(partial[indexSize:]))
	require.NoError(t, Verify(encode(keys().Point().Mul(s.secret, nil)), message, want))
}

func TestABadKeyVerifiesNothing(t *testing.T) {
	infinity := encode(keys().Point().Null())
	zero := encode(suite.G2().Point().Null())
	require.ErrorContains(t, Verify(infinity, []byte("anything"), zero), "it is the point at infinity")
	require.ErrorContains(t, Verify(nil, []byte("anything"), zero), "it is not a point of BLS12-381's G1")
}

func TestCharonsThreshold(t *testing.T) {
	for n, want := range map[int]int{2: 2, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5, 10: 7, 13: 9} {
		require.Equal(t, want, Threshold(n), n)
	}
}
