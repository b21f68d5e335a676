package refpeer

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/stretchr/testify/require"
)

// DecodeResponse decodes a response.
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

// WithoutTimestamp removes the timestamp from a request. Nothing else differs from one
// run to the next.
func WithoutTimestamp(t testing.TB, payload []byte) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	require.True(t, q.at.present)
	q.at = timestamp{}
	return q.encode()
}

// Accept returns the response that accepts a request.
func Accept(t testing.TB, payload []byte) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return response{at: q.at}.encode()
}

// Refuse returns the response that refuses a request.
func Refuse(t testing.TB, payload []byte, text string) []byte {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return response{at: q.at, err: text}.encode()
}

// Compatible and ReadFrame export functions for the tests outside the package.
var (
	Compatible = compatible
	ReadFrame  = readFrame
)

// Step returns the step in a request.
func Step(t testing.TB, payload []byte) int64 {
	t.Helper()
	q, err := decodeRequest(payload)
	require.NoError(t, err)
	return q.step
}

// Request returns a request of the peer, with any step and version.
func (p *Peer) Request(version string, step int64) []byte {
	return request{
		at:        timestamp{present: true, seconds: 1},
		signature: p.signature,
		version:   version,
		step:      step,
	}.encode()
}

// Left reports whether the client for a member has ended.
func (p *Peer) Left(id peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[id].left
}
