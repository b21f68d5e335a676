package syncmod_test

import (
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// libp2p listens when its app starts. All Invokes have returned by then.
func TestLibp2pHostsRegisterBeforeListening(t *testing.T) {
	var protocols []protocol.ID
	var listening []multiaddr.Multiaddr
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.DisableMetrics(),
		libp2p.DisableRelay(), // no member reaches it through a relay before it has a reservation there
		libp2p.WithFxOption(
			fx.Supply(quiet()),
			syncmod.Configure(syncmod.Config{RegisterEarly: true}),
			syncmod.Module,
			fx.Invoke(func(h host.Host) {
				protocols, listening = h.Mux().Protocols(), h.Network().ListenAddresses()
			}),
		),
	)
	require.NoError(t, err)

	require.Contains(t, protocols, syncmod.ProtocolID)
	require.Empty(t, listening)
	require.NotEmpty(t, h.Network().ListenAddresses())
	require.NoError(t, h.Close())
	require.NotContains(t, h.Mux().Protocols(), syncmod.ProtocolID, "closing the host has stopped the module")
}
