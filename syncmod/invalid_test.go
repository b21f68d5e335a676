package syncmod_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

var invalidConfigs = []struct {
	about  string
	config syncmod.Config
	field  string
	value  string
}{
	{"a version without v", syncmod.Config{Version: "1.11"}, "Config.Version", `"1.11"`},
	{"a version without a minor", syncmod.Config{Version: "v1"}, "Config.Version", `"v1"`},
	{"a version of words", syncmod.Config{Version: "latest"}, "Config.Version", `"latest"`},
	{"a version with a line", syncmod.Config{Version: "v1.11\n"}, "Config.Version", `"v1.11\n"`},
	{"a version with too many parts", syncmod.Config{Version: "v1.2.3.4"}, "Config.Version", `"v1.2.3.4"`},
	{"a version that is negative", syncmod.Config{Version: "v-1.2"}, "Config.Version", `"v-1.2"`},
	{
		"a version that overflows",
		syncmod.Config{Version: "v99999999999999999999.1"},
		"Config.Version",
		`"v99999999999999999999.1"`,
	},
	{
		"a version of a megabyte",
		syncmod.Config{Version: "v1." + strings.Repeat("1", 1<<20)},
		"Config.Version",
		`"v1.1111`,
	},
	{
		"a nickname of 33 characters",
		syncmod.Config{Nickname: strings.Repeat("x", 33)},
		"Config.Nickname",
		"33 characters",
	},
	{
		"a nickname of 33 wide characters",
		syncmod.Config{Nickname: strings.Repeat("é", 33)},
		"Config.Nickname",
		"33 characters",
	},
	{
		"a nickname of a megabyte",
		syncmod.Config{Nickname: strings.Repeat("x", 1<<20)},
		"Config.Nickname",
		"1048576 characters",
	},
	{"a nickname of two lines", syncmod.Config{Nickname: "carol\nroot"}, "Config.Nickname", `"carol\nroot"`},
	{"a nickname in colour", syncmod.Config{Nickname: "\x1b[31mcarol"}, "Config.Nickname", `"\x1b[31mcarol"`},
	{"a nickname that is not UTF-8", syncmod.Config{Nickname: "carol\xff"}, "Config.Nickname", `"carol\xff"`},
	{"a negative heartbeat", syncmod.Config{Heartbeat: -time.Second}, "Config.Heartbeat", "-1s"},
	{"a negative exchange timeout", syncmod.Config{ExchangeTimeout: -time.Second}, "Config.ExchangeTimeout", "-1s"},
	{"a negative open grace", syncmod.Config{OpenGrace: -time.Second}, "Config.OpenGrace", "-1s"},
	{"a negative goodbye timeout", syncmod.Config{GoodbyeTimeout: -time.Second}, "Config.GoodbyeTimeout", "-1s"},
	{
		"a negative pause between attempts",
		syncmod.Config{Retry: syncmod.Retry{Pause: -time.Second}},
		"Config.Retry.Pause",
		"-1s",
	},
	{
		"a pause between attempts above its limit",
		syncmod.Config{Retry: syncmod.Retry{Pause: time.Minute, PauseMax: time.Second}},
		"Config.Retry.Pause",
		"1m0s",
	},
	{"a negative first pause", syncmod.Config{BackoffMin: -time.Second}, "Config.BackoffMin", "-1s"},
	{"a negative longest pause", syncmod.Config{BackoffMax: -time.Second}, "Config.BackoffMax", "-1s"},
	{
		"a first pause above the longest",
		syncmod.Config{BackoffMin: 2 * time.Second, BackoffMax: time.Second},
		"Config.BackoffMin",
		"2s",
	},
	{"a longest pause below the first", syncmod.Config{BackoffMax: time.Millisecond}, "BackoffMax", "1ms"},
	{
		"a heartbeat that is too slow",
		syncmod.Config{Heartbeat: 6 * time.Second, ExchangeTimeout: 10 * time.Second},
		"Config.Heartbeat",
		"6s",
	},
	{
		"an exchange timeout that is too short",
		syncmod.Config{ExchangeTimeout: time.Second},
		"Config.Heartbeat",
		"ExchangeTimeout, which is 1s",
	},
	{"a negative frame", syncmod.Config{MaxFrame: -1}, "Config.MaxFrame", "-1 bytes"},
	{"a tiny frame", syncmod.Config{MaxFrame: 1023}, "Config.MaxFrame", "1023 bytes"},
	{"a giant frame", syncmod.Config{MaxFrame: 33 << 20}, "Config.MaxFrame", fmt.Sprint(33 << 20)},
}

func TestABadConfigMakesNoHost(t *testing.T) {
	for _, bad := range invalidConfigs {
		t.Run(bad.about, func(t *testing.T) {
			for route, supply := range map[string]fx.Option{
				"Configure":     syncmod.Configure(bad.config),
				"fx.Supply":     fx.Supply(bad.config),
				"a constructor": fx.Provide(func() syncmod.Config { return bad.config }),
			} {
				made := false
				app := fx.New(fx.NopLogger, syncmod.Module, supply, fx.Provide(func() host.Host {
					made = true
					return nil
				}))

				requireInvalid(t, app.Err(), bad.field, bad.value)
				require.False(t, made, "%s: the host was made", route)
			}

			_, err := syncmod.NewService(harness.NewSilentHost(t), bad.config)

			requireInvalid(t, err, bad.field, bad.value)
			requireInvalid(t, bad.config.Validate(), bad.field, bad.value)
		})
	}
}

func requireInvalid(t *testing.T, err error, field, value string) {
	t.Helper()
	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorContains(t, err, field)
	require.ErrorContains(t, err, value)
	require.Less(t, len(err.Error()), 2000, "a sentence that can be read")
}

func TestAConfigAtItsLimitsIsValid(t *testing.T) {
	for about, good := range map[string]syncmod.Config{
		"all defaults":                     {},
		"the defaults spelled out":         syncmod.DefaultConfig(),
		"Charon's version":                 {Version: "v1.11"},
		"a patch and a label":              {Version: "v1.11.2-rc1"},
		"32 characters in many bytes":      {Nickname: strings.Repeat("é", 32)},
		"members may be gone for ever":     {PeerTimeout: -1},
		"a heartbeat of half a timeout":    {Heartbeat: 5 * time.Second, ExchangeTimeout: 10 * time.Second},
		"the longest pause is also raised": {BackoffMin: 5 * time.Second},
		"any number of attempts":           {Retry: syncmod.Retry{Attempts: -1}},
		"an hour between two attempts":     {Retry: syncmod.Retry{Pause: time.Hour}},
		"the smallest frame":               {MaxFrame: 1 << 10},
		"the largest frame":                {MaxFrame: 32 << 20},
	} {
		require.NoError(t, good.Validate(), about)
	}
}

func TestTheZeroConfigMeansTheDefaults(t *testing.T) {
	require.Equal(t, syncmod.Config{
		Version:         "v1.0",
		Heartbeat:       time.Second,
		ExchangeTimeout: 10 * time.Second,
		PeerTimeout:     time.Minute,
		OpenGrace:       10 * time.Second,
		GoodbyeTimeout:  2 * time.Minute,
		MaxFrame:        16 << 10,
		BackoffMin:      100 * time.Millisecond,
		BackoffMax:      time.Second,
		Retry:           syncmod.Retry{Attempts: 1, Pause: time.Second, PauseMax: 30 * time.Second},
	}, syncmod.DefaultConfig())
}

func TestABadDefinitionIsRefusedOffline(t *testing.T) {
	h := harness.NewSilentHost(t)
	others := make([]syncmod.Peer, 1024)
	for i := range others {
		id, err := test.RandPeerID()
		require.NoError(t, err)
		others[i] = syncmod.Peer{ID: id, Addrs: h.Addrs()}
	}
	self, hash := syncmod.Peer{ID: h.ID()}, []byte("the definition hash of a ceremony")
	service, err := syncmod.NewService(h, syncmod.Config{}, syncmod.WithLogger(harness.Quiet()))
	require.NoError(t, err)
	require.NoError(t, service.Start(t.Context()))
	defer func() { require.NoError(t, service.Stop(t.Context())) }()
	const edwards = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
	foreign := multiaddr.StringCast("/ip4/192.0.2.1/tcp/9000/p2p/" + others[1].ID.String())

	of := func(members ...syncmod.Peer) syncmod.Definition {
		return syncmod.Definition{Hash: hash, Peers: members}
	}
	for about, bad := range map[string]struct {
		definition   syncmod.Definition
		field, value string
	}{
		"no hash": {syncmod.Definition{Peers: []syncmod.Peer{self, others[0]}}, "Definition.Hash", "empty"},
		"a hash of 65 bytes": {
			syncmod.Definition{Hash: bytes.Repeat([]byte{1}, 65), Peers: []syncmod.Peer{self, others[0]}},
			"Definition.Hash", "65 bytes",
		},
		"no members":          {of(), "Definition.Peers", "it has 0, "},
		"one member":          {of(self), "Definition.Peers", "it has 1, "},
		"too many members":    {of(append([]syncmod.Peer{self}, others...)...), "Definition.Peers", "it has 1025, "},
		"without this node":   {of(others[:3]...), "Definition.Peers", h.ID().String()},
		"a member twice":      {of(self, others[0], others[1], others[0]), "Definition.Peers", others[0].ID.String()},
		"this node twice":     {of(self, others[0], self), "Definition.Peers", h.ID().String()},
		"a member without ID": {of(self, syncmod.Peer{Name: "bob"}), "Definition.Peers", "operator 1"},
		"an invalid ID":       {of(self, syncmod.Peer{ID: "bob"}), "Definition.Peers", `operator 1: "bob"`},
		"the text of an ID": {
			of(self, syncmod.Peer{ID: peer.ID(others[0].ID.String())}),
			"Definition.Peers", "operator 1: \"" + others[0].ID.String(),
		},
		"the text of an ID that is also a valid binary ID": {
			of(self, syncmod.Peer{ID: peer.ID(edwards)}),
			"Definition.Peers", "operator 1: \"" + edwards + "\" is not a peer ID",
		},
		"an address that is nil": {
			of(self, syncmod.Peer{ID: others[0].ID, Addrs: []multiaddr.Multiaddr{nil}}),
			"Definition.Peers", "operator 1: ",
		},
		"another member's address": {
			of(self, syncmod.Peer{ID: others[0].ID, Addrs: []multiaddr.Multiaddr{foreign}}),
			"Definition.Peers", "operator 1: " + foreign.String() + " is the address of peer " + others[1].ID.String(),
		},
	} {
		t.Run(about, func(t *testing.T) {
			before := slices.Clone(h.Mux().Protocols())

			_, err := service.Open(bad.definition)
			app := fx.New(
				fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return h }),
				fx.Supply(bad.definition, harness.Quiet()), syncmod.RunSteps(func() []syncmod.Step { return nil }),
			)

			requireInvalid(t, err, bad.field, bad.value)
			requireInvalid(t, app.Err(), bad.field, bad.value)
			require.Empty(t, service.Ceremonies())
			require.Equal(t, before, h.Mux().Protocols())
			require.Empty(t, h.Network().Conns())
			require.Empty(t, h.Peerstore().Addrs(others[0].ID))
		})
	}
}

func TestADefinitionAtItsLimitsIsValid(t *testing.T) {
	h := harness.NewSilentHost(t)
	service := harness.StartService(t, h, syncmod.Config{})
	peers := make([]syncmod.Peer, 1024)
	for i := range peers {
		id, err := test.RandPeerID()
		require.NoError(t, err)
		peers[i].ID = id
	}
	peers[1023].ID = h.ID()

	for _, definition := range []syncmod.Definition{
		{Hash: bytes.Repeat([]byte{1}, 64), Peers: peers[1022:]},
		{Hash: []byte{1}, Peers: peers},
	} {
		c, err := service.Open(definition)

		require.NoError(t, err)
		require.NoError(t, c.Close(t.Context()))
	}
}

func TestANodeWithoutAHostIsRefused(t *testing.T) {
	_, err := syncmod.NewService(nil, syncmod.Config{})
	app := fx.New(fx.NopLogger, syncmod.Module, fx.Provide(func() host.Host { return nil }))

	requireInvalid(t, err, "host", "nil")
	requireInvalid(t, app.Err(), "host", "nil")
}

func TestAHostWithoutItsOwnKeyIsRefused(t *testing.T) {
	h := harness.NewSilentHost(t)
	other, err := test.RandPeerID()
	require.NoError(t, err)
	service := harness.StartService(t, h, syncmod.Config{})
	h.Peerstore().RemovePeer(h.ID())

	_, err = service.Open(syncmod.Definition{Hash: []byte{1}, Peers: []syncmod.Peer{{ID: h.ID()}, {ID: other}}})

	requireInvalid(t, err, "host", "no private key")
}

func TestOpenCopiesTheDefinition(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	c := harness.Open(t, nodes[:1], def)[0]
	want := c.Definition()

	def.Hash[0]++
	def.Peers[1] = syncmod.Peer{ID: peer.ID("mallory")}
	c.Definition().Peers[1].ID = "mallory"

	require.Equal(t, want, c.Definition())
}
