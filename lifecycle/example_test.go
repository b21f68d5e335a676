package lifecycle_test

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

// oracle is a component that answers questions from its start to its stop.
type oracle struct {
	group     *lifecycle.Group
	questions chan string
	answers   chan string
}

func newOracle(lc fx.Lifecycle) *oracle {
	o := &oracle{
		group:     lifecycle.NewGroup(nil, nil), // an application passes its logger and its Failer's Fail method
		questions: make(chan string),
		answers:   make(chan string),
	}
	lc.Append(fx.StartStopHook(o.start, o.group.Stop))
	return o
}

func (o *oracle) start() error {
	o.group.Start()
	return o.group.Go("answer", o.answer)
}

func (o *oracle) answer(ctx context.Context) error {
	for {
		select {
		case question := <-o.questions:
			o.answers <- question + " Yes."
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ExampleGroup() {
	var o *oracle
	app := fx.New(fx.NopLogger, fx.Provide(newOracle), fx.Populate(&o))

	starting, started := context.WithCancel(context.Background())
	if err := app.Start(starting); err != nil {
		panic(err)
	}
	started() // fx cancels this context too; the task goes on

	o.questions <- "Are you there?"
	fmt.Println(<-o.answers)

	fmt.Println("stopped:", app.Stop(context.Background()))
	fmt.Println("next:", o.group.Go("answer", o.answer))
	// Output:
	// Are you there? Yes.
	// stopped: <nil>
	// next: starting task "answer": the task group is not running
}
