package harness

import (
	"crypto/rand"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
)

// loopback is the address where hosts listen by default.
const loopback = "/ip4/127.0.0.1/tcp/0"

// NewKey returns a new secp256k1 identity.
func NewKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	return key
}

// Key returns the secp256k1 identity with the given 32 bytes.
func Key(t testing.TB, raw []byte) crypto.PrivKey {
	t.Helper()
	key, err := crypto.UnmarshalSecp256k1PrivateKey(raw)
	require.NoError(t, err)
	return key
}

// NewHost starts a host with a new identity on loopback TCP.
func NewHost(t testing.TB) host.Host {
	t.Helper()
	return NewHostWithKey(t, NewKey(t))
}

// NewHostWithKey starts a host with the given identity on loopback TCP.
func NewHostWithKey(t testing.TB, key crypto.PrivKey) host.Host {
	t.Helper()
	return newHost(t, libp2p.Identity(key), libp2p.ListenAddrStrings(loopback))
}

// NewSilentHost starts a host that listens nowhere.
func NewSilentHost(t testing.TB, opts ...libp2p.Option) host.Host {
	t.Helper()
	return newHost(t, append(opts, libp2p.NoListenAddrs)...)
}

// newHost starts a host and closes it at the end of the test.
func newHost(t testing.TB, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append(opts, libp2p.DisableMetrics(), libp2p.DisableRelay())...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// Connect connects two hosts, unless they are connected. Do not call it for both
// directions at the same time: if two hosts dial each other at the same moment, both may
// fail.
func Connect(t testing.TB, from, to host.Host) {
	t.Helper()
	require.NoError(t, from.Connect(Within(t), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}))
}
