package harness

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// Attesting makes a request attest a result at its step, as "Results" in
// docs/protocol.md describes. Use it after any Saying that changes the step or the
// session.
func (p *RawPeer) Attesting(t testing.TB, def syncmod.Definition, result []byte) Saying {
	return func(r *syncpb.SyncRequest) {
		signature, err := p.Host.Peerstore().PrivKey(p.Host.ID()).Sign(statement(def, p.Host.ID(), r, result))
		require.NoError(t, err)
		r.Result, r.Attestation = result, signature
	}
}

func statement(def syncmod.Definition, signer peer.ID, r *syncpb.SyncRequest, result []byte) []byte {
	members, index := sha256.New(), 0
	members.Write([]byte("dkgsync/members/v1\x00"))
	for i, p := range def.Peers {
		members.Write(binary.AppendUvarint(nil, uint64(len(p.ID))))
		members.Write([]byte(p.ID))
		if p.ID == signer {
			index = i
		}
	}
	about := sha256.New()
	about.Write(binary.AppendUvarint(nil, uint64(len(def.Hash))))
	about.Write(def.Hash)
	about.Write(members.Sum(nil))
	about.Write(binary.LittleEndian.AppendUint64(nil, uint64(r.GetStep())))
	about.Write(binary.LittleEndian.AppendUint32(nil, uint32(index)))
	about.Write(binary.LittleEndian.AppendUint64(nil, r.GetSessionId()))
	about.Write(binary.AppendUvarint(nil, uint64(len(result))))
	about.Write(result)
	return about.Sum([]byte("dkgsync/receipt/v1\x00"))
}
