package hosts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
)

// The peerstore has no limit on permanent addresses.
func TestAChangingURLFillsNoMemory(t *testing.T) {
	var asked atomic.Int64
	url := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		first := 64 * asked.Add(1)
		texts := []string{}
		for i := range int64(64) {
			texts = append(texts, fmt.Sprintf("/ip4/127.0.0.1/tcp/1/ws/http-path/%d%s", first+i, aPeer))
		}
		_ = json.NewEncoder(w).Encode(texts)
	}))
	t.Cleanup(url.Close)
	self, other := &node{key: newKey(t)}, &node{key: newKey(t)}
	place := withFreePort(t, tcp4)
	definition := syncmod.Definition{Hash: []byte(t.Name()), Peers: []syncmod.Peer{
		{ID: self.id(t)},
		{ID: other.id(t), Addrs: []multiaddr.Multiaddr{
			multiaddr.StringCast(place), multiaddr.StringCast("/ip4/127.0.0.1/tcp/1"), // nobody is at the second one
		}},
	}}
	log := logrus.New()
	log.SetOutput(new(logText))
	app := fx.New(
		fx.Supply(log, definition, hosts.Config{
			Key: self.key, Relays: []string{url.URL}, Members: []peer.ID{self.id(t), other.id(t)},
		}),
		fx.Provide(hosts.New),
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
		syncmod.Module,
		fx.Populate(&self.host, &self.ceremony),
		fx.Invoke(hosts.Listen),
	)
	require.NoError(t, app.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, app.Stop(context.Background())) })
	require.Eventually(t, func() bool { return asked.Load() >= 4 }, patience, 10*time.Millisecond)

	late, err := libp2p.New(libp2p.Identity(other.key), libp2p.ListenAddrStrings(place))

	require.NoError(t, err)
	t.Cleanup(func() { _ = late.Close() })
	require.Eventually(t, func() bool {
		return self.host.Network().Connectedness(other.id(t)) == network.Connected
	}, 30*time.Second, 50*time.Millisecond, "%s", self.host.Peerstore().Addrs(other.id(t)))
	require.LessOrEqual(t, len(self.host.Peerstore().Addrs(other.id(t))), 2+2*24)
}
