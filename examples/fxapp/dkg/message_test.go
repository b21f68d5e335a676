package dkg

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLargestMessageFits(t *testing.T) {
	const rsa = 512 // bytes of a signature with a key of 4096 bits
	for _, n := range []int{2, 4, 64, 1024} {
		b := &dealBody{Attempt: make([]byte, 32)}
		for range n {
			b.Keys = append(b.Keys, seen{Digest: make([]byte, 32), Signature: make([]byte, rsa)})
			b.Commitments = append(b.Commitments, make([]byte, keySize))
			b.Shares = append(b.Shares, make([]byte, keySize+scalarSize+16))
		}
		body, err := json.Marshal(b)
		require.NoError(t, err)
		text, err := json.Marshal(message{Body: body, Signature: make([]byte, rsa)})
		require.NoError(t, err)
		require.Less(t, len(text), maxMessage(n))
	}
}

func TestAStatementIsNotAHash(t *testing.T) {
	const longest = 64 // bytes of the longest definition hash, which members sign as it is
	a := &attempt{hash: make([]byte, 32)}
	require.Greater(t, len(a.statement(keyPhase, 0, nil, nil)), longest)
}

func TestAStatementCoversEveryPart(t *testing.T) {
	a, other := &attempt{hash: []byte("aa")}, &attempt{hash: []byte("aab")}
	statements := [][]byte{
		a.statement(deals, 1, []byte("bc"), []byte("d")),
		a.statement(deals, 1, []byte("b"), []byte("cd")),
		a.statement(deals, 2, []byte("bc"), []byte("d")),
		a.statement(responses, 1, []byte("bc"), []byte("d")),
		other.statement(deals, 1, []byte("c"), []byte("d")),
	}
	for i, s := range statements {
		for _, o := range statements[:i] {
			require.NotEqual(t, o, s)
		}
	}
}
