package dkg

import (
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// limitedHost returns a host with the limits.
func limitedHost(t *testing.T, limits rcmgr.PartialLimitConfig) host.Host {
	t.Helper()
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.InfiniteLimits)))
	require.NoError(t, err)
	h, err := libp2p.New(libp2p.ResourceManager(manager), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.DisableMetrics(), libp2p.DisableRelay())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestOwnLimitsBlameNobody(t *testing.T) {
	for name, limits := range map[string]rcmgr.PartialLimitConfig{
		"memory": {Service: map[string]rcmgr.ResourceLimits{serviceName: {Memory: rcmgr.BlockAllLimit64}}},
		"streams": {Protocol: map[protocol.ID]rcmgr.ResourceLimits{
			protocols[keyPhase]: {StreamsOutbound: rcmgr.BlockAllLimit},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hosts := []host.Host{limitedHost(t, limits), harness.NewHost(t)}
			c := clusterOf(t, config(1), harness.Define(t.Name(), hosts...), hosts)
			c.nodes[alice].generator.timeout = short

			err := c.runAll()[alice]

			require.ErrorContains(t, err, "the key of operator 1 (bob) could not be fetched within 6s: ")
			require.ErrorContains(t, err, "this node's host: ")
			require.ErrorContains(t, err, "limit exceeded")
			_, blamed := errors.AsType[*MemberError](err)
			require.False(t, blamed)
		})
	}
}
