package stream

import (
	"crypto/rand"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// countingKey counts the signatures that it verifies.
type countingKey struct {
	crypto.PubKey
	verified int
}

func (k *countingKey) Verify(data, signature []byte) (bool, error) {
	k.verified++
	return k.PubKey.Verify(data, signature)
}

// attesting returns a stream from a member with a session, and its key.
func attesting(t *testing.T) (in *inbound, terms *Terms, key crypto.PrivKey, counting *countingKey) {
	t.Helper()
	key, public, err := crypto.GenerateEd25519Key(rand.Reader)
	require.NoError(t, err)
	id, err := peer.IDFromPublicKey(public)
	require.NoError(t, err)
	terms = NewTerms(Terms{Hash: []byte("hash"), Members: []peer.AddrInfo{{ID: "self"}, {ID: id}}})
	counting = &countingKey{PubKey: public}
	in = &inbound{sender: sender{remote: id}, stream: &steadyStream{conn: &steadyConn{id: id, key: counting}}}
	return in, terms, key, counting
}

func TestAnAttestationIsVerifiedOnce(t *testing.T) {
	in, terms, key, counting := attesting(t)
	request := func(step int64, result string) *syncpb.SyncRequest {
		signature, err := key.Sign(terms.Statement(1, step, 7, []byte(result)))
		require.NoError(t, err)
		return &syncpb.SyncRequest{Step: step, SessionId: 7, Result: []byte(result), Attestation: signature}
	}
	first := in.attestation(terms, request(2, "aa"))
	require.Equal(t, "aa", first.Result)
	require.True(t, first.Verified)

	require.Same(t, first, in.attestation(terms, request(2, "aa")))
	require.Equal(t, 1, counting.verified)

	forged := request(2, "aa")
	forged.Result = []byte("bb")
	require.Equal(t, &roster.Attestation{}, in.attestation(terms, forged))
	require.Equal(t, &roster.Attestation{}, in.attestation(terms, forged))
	require.Equal(t, 2, counting.verified, "also one that does not verify")
	require.Equal(t, "aa", in.attestation(terms, request(3, "aa")).Result)
	require.Equal(t, 3, counting.verified)
}

func TestBadFormsAreNotVerified(t *testing.T) {
	in, terms, _, counting := attesting(t)
	for name, r := range map[string]*syncpb.SyncRequest{
		"no result":        {Attestation: make([]byte, 64)},
		"an empty result":  {Result: []byte{}, Attestation: make([]byte, 64)},
		"a long result":    {Result: make([]byte, MaxResult+1), Attestation: make([]byte, 64)},
		"no signature":     {Result: make([]byte, 32)},
		"a long signature": {Result: make([]byte, 32), Attestation: make([]byte, MaxAttestation+1)},
	} {
		r.SessionId = 7
		require.Equal(t, &roster.Attestation{}, in.attestation(terms, r), name)
	}
	for name, r := range map[string]*syncpb.SyncRequest{
		"nothing":             {SessionId: 7},
		"an abort":            {SessionId: 7, Abort: "disk full", Result: make([]byte, 32)},
		"of a foreign member": {Result: make([]byte, 32), Attestation: make([]byte, 64)},
	} {
		require.Nil(t, in.attestation(terms, r), name)
	}
	require.Zero(t, counting.verified)
}
