package syncmod_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// quiet makes a logger that prints nothing.
var quiet = harness.Quiet

// exampleHost makes a host that listens on the loopback interface.
func exampleHost() host.Host {
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		panic(err)
	}
	return h
}

// exampleHosts makes the hosts of alice and bob, and their definition.
func exampleHosts() (alice, bob host.Host, definition syncmod.Definition) {
	alice, bob = exampleHost(), exampleHost()
	return alice, bob, harness.Define("what all members have agreed on", alice, bob)
}

// elsewhere runs a ceremony of two steps on another node. The function
// that it returns waits for the end of the ceremony.
func elsewhere(h host.Host, definition syncmod.Definition) (end func()) {
	ctx, done := context.Background(), make(chan struct{})
	go func() {
		defer close(done)
		service, err := syncmod.NewService(h, syncmod.Config{}, syncmod.WithLogger(quiet()))
		if err != nil {
			panic(err)
		}
		if err := service.Start(ctx); err != nil {
			panic(err)
		}
		ceremony, err := service.Open(definition)
		if err != nil {
			panic(err)
		}
		_ = ceremony.Run(ctx, syncmod.Step{}, syncmod.Step{})
		_ = service.Stop(ctx)
		_ = h.Close()
	}()
	return func() { <-done }
}

// A node that knows its ceremony when it starts. The graph provides the definition,
// and what the steps need.
func Example() {
	alice, bob, definition := exampleHosts()
	defer elsewhere(bob, definition)()
	newHost := func(lc fx.Lifecycle) host.Host {
		lc.Append(fx.StopHook(alice.Close)) // after the module's own hooks: it needs the host
		return alice
	}

	var ceremony *syncmod.Ceremony
	app := fx.New(
		fx.NopLogger, fx.Supply(quiet()),
		fx.Provide(newHost),
		syncmod.Module,
		syncmod.Configure(syncmod.Config{Nickname: "alice"}),
		fx.Supply(definition),
		syncmod.RunSteps(func() []syncmod.Step {
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
		}),
		fx.Populate(&ceremony),
	)
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		panic(err)
	}
	<-ceremony.Done()
	fmt.Println("the ceremony is", ceremony.Status().Phase)
	if err := app.Stop(ctx); err != nil {
		panic(err)
	}
	// Output:
	// all are connected
	// all have exchanged keys
	// the ceremony is complete
}

// A node without fx that counts the steps itself.
func Example_withoutFx() {
	alice, bob, definition := exampleHosts()
	defer elsewhere(bob, definition)()
	defer func() { _ = alice.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	service, err := syncmod.NewService(alice, syncmod.Config{Nickname: "alice"}, syncmod.WithLogger(quiet()))
	if err != nil {
		panic(err)
	}
	if err := service.Start(ctx); err != nil {
		panic(err)
	}
	defer func() { _ = service.Stop(ctx) }()

	ceremony, err := service.Open(definition)
	if err != nil {
		panic(err)
	}
	if err := ceremony.AwaitConnected(ctx); err != nil {
		panic(err)
	}
	for _, work := range []string{"exchange keys", "save the share"} {
		step, err := ceremony.Advance(ctx) // returns when all are there
		if err != nil {
			panic(err)
		}
		fmt.Printf("step %d: %s\n", step, work)
	}
	fmt.Println("complete:", ceremony.Complete(ctx))
	// Output:
	// step 1: exchange keys
	// step 2: save the share
	// complete: <nil>
}

// A long-lived node injects the service, and opens ceremonies when they are needed.
func ExampleService_Open() {
	alice, bob, definition := exampleHosts()
	defer elsewhere(bob, definition)()

	var service *syncmod.Service
	app := fx.New(
		fx.NopLogger, fx.Supply(quiet()),
		fx.Provide(func(lc fx.Lifecycle) host.Host {
			lc.Append(fx.StopHook(alice.Close))
			return alice
		}),
		syncmod.Module,
		fx.Populate(&service),
	)
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		panic(err)
	}
	defer func() { _ = app.Stop(ctx) }()

	ceremony, err := service.Open(definition)
	if err != nil {
		panic(err)
	}
	steps := []syncmod.Step{{Name: "exchange keys"}, {Name: "save the share"}}
	fmt.Println("complete:", ceremony.Run(ctx, steps...))
	fmt.Println("closed:", ceremony.Close(ctx))
	// Output:
	// complete: <nil>
	// closed: <nil>
}

// Each attempt has its own steps. Both members call Service.Run. If bob did not, he
// would not come back after the failure.
func ExampleService_Run() {
	alice, bob, definition := exampleHosts()
	ctx := context.Background()
	config := syncmod.Config{Retry: syncmod.Retry{Attempts: 3, Pause: 10 * time.Millisecond}}
	run := func(h host.Host, work func(attempt int) error) error {
		service, err := syncmod.NewService(h, config, syncmod.WithLogger(quiet()))
		if err != nil {
			return err
		}
		if err := service.Start(ctx); err != nil {
			return err
		}
		defer func() { _ = errors.Join(service.Stop(ctx), h.Close()) }()
		_, err = service.Run(ctx, definition, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
			attempt := c.Status().Attempt
			return []syncmod.Step{{Name: "work", Run: func(context.Context) error { return work(attempt) }}}, nil
		})
		return err
	}
	ended := make(chan error)
	go func() { ended <- run(bob, func(int) error { return nil }) }()

	err := run(alice, func(attempt int) error {
		fmt.Println("attempt", attempt)
		if attempt == 1 {
			return errors.New("a disk that is slow to mount") // Permanent(err) would end it here
		}
		return nil
	})
	fmt.Println("alice:", err)
	fmt.Println("bob:", <-ended)
	// Output:
	// attempt 1
	// attempt 2
	// alice: <nil>
	// bob: <nil>
}

// Watch shows each change of a ceremony's status.
func ExampleCeremony_Watch() {
	alice, bob, definition := exampleHosts()
	defer elsewhere(bob, definition)()
	defer func() { _ = alice.Close() }()
	ctx := context.Background()
	service, err := syncmod.NewService(alice, syncmod.Config{}, syncmod.WithLogger(quiet()))
	if err != nil {
		panic(err)
	}
	if err := service.Start(ctx); err != nil {
		panic(err)
	}
	defer func() { _ = service.Stop(ctx) }()
	ceremony, err := service.Open(definition)
	if err != nil {
		panic(err)
	}
	go func() { _ = ceremony.Run(ctx, syncmod.Step{}, syncmod.Step{}) }()

	var last syncmod.Status
	for last = range ceremony.Watch(ctx) {
		_ = last // a program would show it
	}
	other := last.Peers[0]
	fmt.Printf("%s after step %d, %s has said goodbye: %t\n", last.Phase, last.Step, other.Peer.Name, other.Done)
	// Output:
	// complete after step 3, bob has said goodbye: true
}

// A wait that ends with its context says which members it was waiting for.
func ExampleWaitError() {
	alice, bob, definition := exampleHosts()
	defer func() { _, _ = alice.Close(), bob.Close() }() // bob does not take part
	service, err := syncmod.NewService(alice, syncmod.Config{}, syncmod.WithLogger(quiet()))
	if err != nil {
		panic(err)
	}
	if err := service.Start(context.Background()); err != nil {
		panic(err)
	}
	defer func() { _ = service.Stop(context.Background()) }()
	ceremony, err := service.Open(definition)
	if err != nil {
		panic(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	err = ceremony.AwaitConnected(ctx)

	if wait, ok := errors.AsType[*syncmod.WaitError](err); ok {
		for _, member := range wait.Missing {
			fmt.Printf("operator %d (%s) is missing\n", member.Index, member.Peer.Name)
		}
	}
	fmt.Println("deadline:", errors.Is(err, context.DeadlineExceeded))
	// Output:
	// operator 1 (bob) is missing
	// deadline: true
}

// Reading a stored receipt long after the ceremony, without any of its members.
func ExampleParseReceipt() {
	filed, err := os.ReadFile("testdata/receipt.json")
	if err != nil {
		panic(err)
	}
	receipt, err := syncmod.ParseReceipt(filed)
	if err != nil {
		panic(err)
	}
	if err := receipt.Verify(); err != nil {
		panic(err)
	}
	fmt.Printf("ceremony %x…, last barrier %d: result %x…\n",
		receipt.DefinitionHash[:4], receipt.LastStep, receipt.Result()[:4])
	for i, m := range receipt.Members {
		attests := "attests it"
		if m.Session == 0 {
			attests = "cannot attest"
		}
		fmt.Printf("operator %d (%s) %s\n", i, m.ID, attests)
	}
	// Output:
	// ceremony a177cc21…, last barrier 6: result 9754d634…
	// operator 0 (12D3KooWNL7bPesRRwiYSaXhgy8FkjxEwyY3YUeA6wbYVn8HahJ7) attests it
	// operator 1 (16Uiu2HAkye1phMAxsp4aBzjyGDRoojbkLiNWkRjc9vD2EBZdExe4) attests it
	// operator 2 (QmbsT91aYWiSvJbL4fyoDxhUiX8oD4n2sw6duWr5zLkWxD) attests it
	// operator 3 (QmWh2Umjyvj6aGZoax9hDtCBgZA8zWg1o11L7YxjGs2j6z) cannot attest
}
