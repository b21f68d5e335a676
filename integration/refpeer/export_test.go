package refpeer

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/stretchr/testify/require"
)

// DecodeResponse takes a response apart.
func DecodeResponse(t testing.TB, payload []byte) (at any, text string) {
	t.Helper()
	a, err := decodeResponse(payload)
	require.NoError(t, err)
	return a.at, a.err
}

// ReencodeRequest decodes a request and encodes it again.
func ReencodeRequest(t testing.TB, payload []byte) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return q.encode()
}

// ReencodeResponse decodes a response and encodes it again.
func ReencodeResponse(t testing.TB, payload []byte) []byte {
	t.Helper()
	a, err := decodeResponse(payload)
	require.NoError(t, err)
	return a.encode()
}

// WithoutTimestamp is a request at no time: the only thing that differs from one
// run to the next.
func WithoutTimestamp(t testing.TB, payload []byte) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	require.True(t, q.at.present)
	q.at = timestamp{}
	return q.encode()
}

// Accept is the response that accepts a request.
func Accept(t testing.TB, payload []byte) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return response{at: q.at}.encode()
}

// Refuse is the response that does not.
func Refuse(t testing.TB, payload []byte, text string) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return response{at: q.at, err: text}.encode()
}

// Compatible and ReadFrame are for the tests outside.
var (
	Compatible = compatible
	ReadFrame  = readFrame
)

// Step is what a request says.
func Step(t testing.TB, payload []byte) int64 {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return q.step
}

// Request is a request of a peer, with a step and a version that it need not have.
func (p *Peer) Request(version string, step int64) []byte {
	return request{
		at:        timestamp{present: true, seconds: 1},
		signature: p.signature,
		version:   version,
		step:      step,
	}.encode()
}

// Left tells whether the client of a member has ended.
func (p *Peer) Left(id peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].left
}
