package dkgsync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newNode makes a node as a program would, from a host, a definition and steps.
func newNode(
	h host.Host,
	definition syncmod.Definition,
	log *logrus.Logger,
	steps []syncmod.Step,
	more ...fx.Option,
) (*fx.App, *syncmod.Ceremony) {
	var c *syncmod.Ceremony
	app := fx.New(
		dkgsync.Module,
		lifecycle.WithFxLogger(),
		fx.Provide(func() host.Host { return h }),
		fx.Supply(definition, log),
		syncmod.RunSteps(func() []syncmod.Step { return steps }),
		fx.Populate(&c),
		fx.Options(more...),
	)
	return app, c
}

func TestFxLogsAtDebugLevelOnly(t *testing.T) {
	hosts := []host.Host{harness.NewHost(t), harness.NewHost(t)}
	steps := []syncmod.Step{{Name: "exchange keys"}, {Name: "store shares"}}
	var apps [2]*fx.App
	var ceremonies [2]*syncmod.Ceremony
	var logs [2]*logtest.Hook
	for i, h := range hosts {
		var log *logrus.Logger
		log, logs[i] = logtest.NewNullLogger()
		log.SetLevel(logrus.DebugLevel)
		apps[i], ceremonies[i] = newNode(h, harness.Define(t.Name(), hosts...), log, steps)
		require.NoError(t, apps[i].Start(t.Context()))
	}

	for i, c := range ceremonies {
		<-c.Done()
		require.NoError(t, c.Err())
		require.Equal(t, syncmod.Complete, c.Status().Phase)
		require.NoError(t, apps[i].Stop(t.Context()))
		require.NotEmpty(t, fxLines(logs[i], logrus.DebugLevel))
		require.Empty(t, fxLines(logs[i], logrus.InfoLevel))
	}
}

// fxLines returns the log's lines about fx that are at least as severe as level.
func fxLines(log *logtest.Hook, level logrus.Level) []string {
	var lines []string
	for _, line := range log.AllEntries() {
		if strings.HasPrefix(line.Message, "fx: ") && line.Level <= level {
			lines = append(lines, line.Message)
		}
	}
	return lines
}

func TestAFailedStartIsLogged(t *testing.T) {
	log, text := logrus.New(), new(bytes.Buffer)
	log.SetOutput(text)
	h := harness.NewHost(t)
	errNoDatabase := errors.New("no database")
	app, _ := newNode(h, harness.Define(t.Name(), h, harness.NewHost(t)), log, nil, fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.StartHook(func() error { return errNoDatabase }))
	}))

	require.ErrorIs(t, app.Start(t.Context()), errNoDatabase)

	require.Contains(t, text.String(), "no database")
	require.Contains(t, text.String(), "level=error")
}

// recorded keeps the events that fx logs.
type recorded struct{ events []fxevent.Event }

func (r *recorded) LogEvent(event fxevent.Event) { r.events = append(r.events, event) }

func TestAProgramMayLogFxItself(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	h := harness.NewHost(t)
	var own recorded

	app := fx.New(
		fx.WithLogger(func() fxevent.Logger { return &own }),
		dkgsync.Module,
		fx.Provide(func() host.Host { return h }),
		fx.Supply(harness.Define(t.Name(), h, harness.NewHost(t)), log),
		syncmod.RunSteps(func() []syncmod.Step { return nil }),
	)

	require.NoError(t, app.Err())
	require.NotEmpty(t, own.events)
	require.Empty(t, hook.AllEntries())
}

// keystore stands for a program's own types.
type keystore struct{ owner string }

func newKeystore() *keystore { return &keystore{owner: "alice"} }

func (k *keystore) exchangeKeys(context.Context) error { return nil }

func (k *keystore) saveShare(context.Context) error {
	fmt.Println(k.owner, "has its share")
	return nil
}

func exampleHost() host.Host {
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		panic(err)
	}
	return h
}

// runBob runs the other member without fx. In reality it has a machine of its own.
func runBob(h host.Host, definition syncmod.Definition) error {
	ctx := context.Background()
	service, err := syncmod.NewService(h, syncmod.Config{})
	if err != nil {
		return err
	}
	if err := service.Start(ctx); err != nil {
		return err
	}
	ceremony, err := service.Open(definition)
	if err != nil {
		return errors.Join(err, service.Stop(ctx))
	}
	err = ceremony.Run(ctx, syncmod.Step{Name: "exchange keys"}, syncmod.Step{Name: "save the share"})
	return errors.Join(err, service.Stop(ctx))
}

// This node takes part in one ceremony and ends with it.
func Example() {
	alice, bob := exampleHost(), exampleHost()
	defer func() { _, _ = alice.Close(), bob.Close() }()
	definition := syncmod.Definition{
		Hash:  []byte("what all members have agreed on"),
		Peers: []syncmod.Peer{{ID: alice.ID(), Name: "alice"}, {ID: bob.ID(), Name: "bob", Addrs: bob.Addrs()}},
	}
	elsewhere := make(chan error)
	go func() { elsewhere <- runBob(bob, definition) }()
	newHost := func() host.Host { return alice }

	node := fx.New(
		dkgsync.Module,
		fx.Provide(newHost, newKeystore), // the host.Host, which dkgsync never closes, and your own types
		fx.Supply(definition),            // the ceremony's hash and its members
		syncmod.Configure(syncmod.Config{Nickname: "alice", ShutdownOnFailure: true, ShutdownOnComplete: true}),
		syncmod.RunSteps(func(k *keystore) []syncmod.Step {
			return []syncmod.Step{
				{Name: "exchange keys", Run: k.exchangeKeys}, // once all are connected
				{Name: "save the share", Run: k.saveShare},   // once all have exchanged keys
			}
		}),
	)
	node.Run() // until the ceremony is over; exits with code 1 if it failed

	fmt.Println("bob:", <-elsewhere)
	// Output:
	// alice has its share
	// bob: <nil>
}
