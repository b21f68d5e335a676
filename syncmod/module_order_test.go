package syncmod_test

import (
	"context"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func (*owner) OpenDatabase() {}

func (*owner) CloseDatabase() {}

func TestHooksFollowTheOptions(t *testing.T) {
	const (
		server   = "(*Server).Start-fm"
		steps    = "(*onlyOneRun)"
		database = "(*owner).OpenDatabase-fm"
	)
	o := new(owner)
	openDatabase := fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartStopHook(o.OpenDatabase, o.CloseDatabase)) })
	module := fx.Options(syncmod.Module, syncmod.RunSteps(noSteps))
	for about, test := range map[string]struct {
		options []fx.Option
		started []string
	}{
		"a hook that is given before the module starts earlier": {
			[]fx.Option{openDatabase, module}, []string{database, server, steps},
		},
		"a hook that is given after the module starts later": {
			[]fx.Option{module, openDatabase}, []string{server, steps, database},
		},
		"a hook between the options starts between them": {
			[]fx.Option{syncmod.Module, openDatabase, syncmod.RunSteps(noSteps)}, []string{server, database, steps},
		},
		"inside an fx.Module, the module starts before every hook of the root": {
			[]fx.Option{openDatabase, fx.Module("synchronization", module)}, []string{server, steps, database},
		},
	} {
		t.Run(about, func(t *testing.T) {
			h, spy := harness.NewSilentHost(t), new(hookSpy)
			app := fx.New(
				fx.WithLogger(func() fxevent.Logger { return spy }),
				fx.Provide(func() host.Host { return h }), fx.Supply(unattended(t, h), harness.Quiet()),
				fx.Options(test.options...),
			)
			require.NoError(t, app.Start(t.Context()))
			require.NoError(t, app.Stop(t.Context()))

			requireOrder(t, spy.started, test.started...)
			stops := map[string]string{
				server: "(*Server).Stop-fm", steps: steps, database: "(*owner).CloseDatabase-fm",
			}
			requireOrder(t, spy.stopped, stops[test.started[2]], stops[test.started[1]], stops[test.started[0]])
		})
	}
}

func TestStepsRunWithinEarlierHooks(t *testing.T) {
	h, def, partner := newPair(t)
	open, began := false, make(chan struct{})
	var openWhenDone bool
	app := fxtest.New(
		t, given(h), fx.Supply(def),
		fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.StartStopHook(func() { open = true }, func() { open = false }))
		}),
		syncmod.Module,
		syncmod.RunSteps(func() []syncmod.Step {
			return []syncmod.Step{{Name: "store", Run: func(ctx context.Context) error {
				close(began)
				<-ctx.Done()
				openWhenDone = open
				return ctx.Err()
			}}}
		}),
	)
	app.RequireStart()
	go func() { _ = partner.Run(context.Background(), syncmod.Step{Run: untilDone}) }()
	harness.Next(t, began)

	app.RequireStop()

	require.True(t, openWhenDone)
}

var errNoKey = errors.New("missing private key for the node's ID")

// A node made of fx may put its key into the peerstore in an Invoke, and make the
// host from it.
func TestEarlierInvokesRunBeforeTheHost(t *testing.T) {
	key := harness.NewKey(t)
	id, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	other := syncmod.Peer{ID: harness.NewSilentHost(t).ID()}
	def := syncmod.Definition{Hash: []byte{1}, Peers: []syncmod.Peer{{ID: id}, other}}
	options := func(modules ...fx.Option) fx.Option {
		return fx.Options(
			fx.NopLogger, fx.Supply(harness.Quiet(), def, fx.Annotate(key, fx.As(new(crypto.PrivKey)))),
			fx.Provide(
				func() (peerstore.Peerstore, error) {
					store, err := pstoremem.NewPeerstore()
					t.Cleanup(func() { _ = store.Close() })
					return store, err
				},
				func(store peerstore.Peerstore) (host.Host, error) {
					if store.PrivKey(id) == nil {
						return nil, errNoKey
					}
					return namedHost{id: id, store: store}, nil
				},
			),
			fx.Options(modules...),
		)
	}
	addKey := fx.Invoke(func(store peerstore.Peerstore, key crypto.PrivKey) error { return store.AddPrivKey(id, key) })
	steps := syncmod.RunSteps(noSteps)

	require.NoError(t, fx.New(options(addKey, syncmod.Module, steps)).Err())
	require.NoError(t, fx.New(options(addKey, syncmod.ModuleIfHost, steps)).Err())
	require.ErrorIs(t, fx.New(options(syncmod.Module, steps, addKey)).Err(), errNoKey)
	inside := fx.Module("synchronization", syncmod.Module, steps)
	require.ErrorIs(t, fx.New(options(addKey, inside)).Err(), errNoKey, "fx calls those of an fx.Module first")
}

func TestASecondModuleIsRefused(t *testing.T) {
	h := harness.NewSilentHost(t)

	for about, second := range map[string]fx.Option{"Module": syncmod.Module, "ModuleIfHost": syncmod.ModuleIfHost} {
		err := fx.New(syncmod.Module, given(h), second).Err()

		require.ErrorContains(t, err, "already provided", about)
		require.ErrorContains(t, err, "onlyOneOfModuleAndModuleIfHost", about)
	}
}
