package syncmod_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// The recipes of docs/adopting.md. The page takes its code from this file.

// ours returns the steps of this node.
func ours() []syncmod.Step {
	return []syncmod.Step{
		{Name: "exchange keys", Run: func(context.Context) error {
			fmt.Println("all are connected")
			return nil
		}},
		{Name: "save the share", Run: func(context.Context) error {
			fmt.Println("all have exchanged keys")
			return nil
		}},
	}
}

// exampleKey makes alice's key, and the definition of her ceremony with bob.
func exampleKey(bob host.Host) (crypto.PrivKey, syncmod.Definition) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		panic(err)
	}
	alice, err := peer.IDFromPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return key, syncmod.Definition{
		Hash:  []byte("what all members have agreed on"),
		Peers: []syncmod.Peer{{ID: alice, Name: "alice"}, {ID: bob.ID(), Name: "bob", Addrs: bob.Addrs()}},
	}
}

// A host made by libp2p needs only one option, and the program needs no fx app. The
// module starts before libp2p.New returns, and stops when the host is closed.
func Example_withFxOption() {
	bob := exampleHost()
	key, definition := exampleKey(bob)
	defer elsewhere(bob, definition)()

	log := quiet() // a *logrus.Logger

	ended := make(chan error, 1)
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.WithFxOption(
			fx.Supply(definition, log),
			syncmod.Module,
			syncmod.Configure(syncmod.Config{Nickname: "alice", RegisterEarly: true}),
			syncmod.RunSteps(ours),
			syncmod.OnEnd(func(c *syncmod.Ceremony) { ended <- c.Err() }),
		),
	)
	if err != nil {
		panic(err)
	}
	fmt.Println("ended:", <-ended)
	fmt.Println("closed:", h.Close())
	// Output:
	// all are connected
	// all have exchanged keys
	// ended: <nil>
	// closed: <nil>
}

// takePart takes part in one ceremony, and returns how it ended. It leaves the ceremony
// when ctx ends.
func takePart(ctx context.Context, h host.Host, log *logrus.Logger, d syncmod.Definition, steps []syncmod.Step) error {
	service, err := syncmod.NewService(h, syncmod.Config{Nickname: "alice"}, syncmod.WithLogger(log))
	if err != nil {
		return err
	}
	if err := service.Start(ctx); err != nil { // registers the protocol, and dials nobody
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = service.Stop(ctx) // before the host is closed
	}()
	ceremony, err := service.Open(d)
	if err != nil {
		return err
	}
	return ceremony.Run(ctx, steps...)
}

// A node without fx that takes part in one ceremony.
func Example_oneCeremonyWithoutFx() {
	alice, bob, definition := exampleHosts()
	defer elsewhere(bob, definition)()
	defer func() { _ = alice.Close() }()

	fmt.Println("ended:", takePart(context.Background(), alice, quiet(), definition, ours()))
	// Output:
	// all are connected
	// all have exchanged keys
	// ended: <nil>
}
