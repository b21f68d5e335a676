package sim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// member is a node: an fx app on a host of the simulated network. The others may know
// its address and peer ID long before its host starts.
type member struct {
	world *world
	site  *site
	key   crypto.PrivKey
	id    peer.ID

	host     host.Host
	app      *fx.App
	service  *syncmod.Service
	ceremony *syncmod.Ceremony
}

// settle gives n members a place, one city after another, and returns the definition of
// their ceremony. Nothing runs yet.
func (w *world) settle(n int) syncmod.Definition {
	w.t.Helper()
	for i := range n {
		key := harness.NewKey(w.t)
		id, err := peer.IDFromPrivateKey(key)
		require.NoError(w.t, err)
		w.members = append(w.members, &member{world: w, site: w.newSite(city(i % len(delays))), key: key, id: id})
	}
	return w.definition(w.t.Name())
}

// definition returns the definition of a ceremony of all members.
func (w *world) definition(about string) syncmod.Definition {
	def := syncmod.Definition{Hash: harness.Hash(about)}
	for i, m := range w.members {
		def.Peers = append(def.Peers, syncmod.Peer{
			ID:    m.id,
			Name:  fmt.Sprintf("member%d", i),
			Addrs: []multiaddr.Multiaddr{m.site.multiaddr()},
		})
	}
	return def
}

func (s *site) multiaddr() multiaddr.Multiaddr {
	return multiaddr.StringCast(fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", s.addr.IP, s.addr.Port))
}

// start settles n members and starts them all at the same time.
func (w *world) start(n int) {
	w.t.Helper()
	def := w.settle(n)
	w.launch(w.members, def)
}

// launch starts hosts, and then the members' apps on them.
func (w *world) launch(members []*member, def syncmod.Definition, opts ...libp2p.Option) {
	w.t.Helper()
	for _, m := range members { // one after another: the simulated network cannot start several at the same time
		m.host = w.newHost(m.site, m.key, opts...)
	}
	each(members, func(m *member) { m.start(w.t, def) })
}

// newHost starts a host without limits at a site.
func (w *world) newHost(s *site, key crypto.PrivKey, opts ...libp2p.Option) host.Host {
	w.t.Helper()
	link := simnet.LinkSettings{BitsPerSecond: bandwidth}
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.Identity(key), libp2p.ListenAddrs(s.multiaddr()),
		simlibp2p.QUICSimnet(w.net, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}),
		libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(), // it would stop the clock
	}, opts...)...)
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = append(w.hosts, h)
	return h
}

// start starts the member's app.
func (m *member) start(t *testing.T, def syncmod.Definition) {
	log := harness.Quiet()
	log.SetLevel(logrus.WarnLevel)
	m.app = fx.New(
		fx.NopLogger,
		fx.Supply(log, def),
		fx.Provide(func() host.Host { return m.host }),
		syncmod.Module,
		fx.Populate(&m.service, &m.ceremony),
	)
	if err := m.app.Start(context.Background()); err != nil {
		t.Errorf("starting member %d: %v", m.site.index, err)
	}
}

// stop stops the member's app. In a network that works again, that takes less than a
// second.
func (m *member) stop(t *testing.T) {
	if m.app == nil {
		return
	}
	began := time.Now()
	if err := m.app.Stop(context.Background()); err != nil {
		t.Errorf("stopping member %d: %v", m.site.index, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("stopping member %d took %s", m.site.index, took)
	}
	m.app = nil
}

// until watches a ceremony until its status fulfils a condition.
func until(t *testing.T, c *syncmod.Ceremony, what string, wanted func(syncmod.Status) bool) syncmod.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var last syncmod.Status
	for last = range c.Watch(ctx) {
		if wanted(last) {
			return last
		}
	}
	require.Failf(t, "never "+what, "the last status: %+v", last)
	return last
}

// patience is how long a test waits, in virtual time, for something that must happen.
const patience = 2 * time.Hour
