package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/examples/fxapp/display"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// node is one node of the demo. It has one process at a time, and another one after a restart.
type node struct {
	index      int
	plan       plan
	hosts      hosts.Config
	definition syncmod.Definition
	report     *display.Report
	logs       io.Writer
	spans      sdktrace.SpanProcessor

	joined  func()                 // called when as many members as index says are connected; may be called again
	watched func(*syncmod.Service) // nil unless the demo shows this node

	log       *logrus.Logger
	leave     context.CancelFunc // ends the current process of the node
	host      host.Host
	attempted chan *syncmod.Ceremony // receives each attempt as it begins
	over      chan *syncmod.Ceremony // receives the last attempt when it is over
	dies      death
}

// run runs the node's processes. It returns an error if one could not be started.
func (n *node) run(ctx context.Context) error {
	if n.plan.isLate(n.index) {
		sleep(ctx, n.plan.late)
	}
	select {
	case <-ctx.Done():
		return nil
	default:
	}
	n.report.Arrived(n.index, 0)
	if n.dies = n.plan.death(n.index); n.dies != restarts {
		return n.process(ctx)
	}
	err := n.process(ctx)
	if err == nil && ctx.Err() == nil {
		n.dies = survives
		n.report.StartsAgain(n.index)
		err = n.process(ctx)
	}
	return err
}

// process makes the node, starts it, and stops it when its last attempt has ended, it
// has died, or ctx ends.
func (n *node) process(ctx context.Context) error {
	running, leave := context.WithCancel(ctx)
	defer leave()
	n.leave, n.log = leave, newLogger(n.logs, n.index, n.plan.logLevel())
	n.attempted, n.over = make(chan *syncmod.Ceremony, n.plan.attempts), make(chan *syncmod.Ceremony, 1)
	var service *syncmod.Service
	app := newApp(n.hosts, n.definition, n.plan.config(), n.log, syncmod.RunAttempts(n.attempts),
		n.telemetry(), withoutMetrics(n.index), n.plan.cutOff(n.index),
		syncmod.OnEnd(func(c *syncmod.Ceremony) { n.over <- c }), fx.Populate(&n.host, &service))
	if n.watched != nil && service != nil {
		n.watched(service)
	}
	if err := app.Start(context.WithoutCancel(ctx)); err != nil { // the start is short and must not be left half done
		return fmt.Errorf("starting %s: %w", n.plan.operator(n.index), err)
	}
	last := n.watch(running)
	timeout := stopTimeout
	if ctx.Err() != nil {
		timeout = interruptTimeout
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	err := app.Stop(stopping)
	if last != nil && (n.dies != restarts || ctx.Err() != nil) {
		n.report.Attested(n.index, last.Receipt())
		n.report.Stopped(n.index, last.Status(), err)
	}
	return nil
}

// watch reports each attempt until the last one is over, and returns the last one.
func (n *node) watch(ctx context.Context) (last *syncmod.Ceremony) {
	for {
		select {
		case last = <-n.attempted:
		case last = <-n.over:
			n.report.Saw(n.index, last.Status())
			return last
		case <-ctx.Done():
			return last
		}
		for status := range last.Watch(ctx) {
			n.report.Saw(n.index, status)
			if connected(status) >= n.index {
				n.joined()
			}
		}
	}
}

// connected returns how many members the node is connected to in both directions.
func connected(s syncmod.Status) int {
	count := 0
	for _, p := range s.Peers {
		if p.Inbound && p.Outbound {
			count++
		}
	}
	return count
}

// telemetry lets the report have the node's spans, in addition to what OTEL_* asks for.
func (n *node) telemetry() fx.Option {
	return fx.Options(
		fx.Supply(identity(n.plan.members[n.index].name, n.index)),
		otelsdk.WithSpanProcessor(n.spans),
	)
}

// withoutMetrics switches off the metrics of all nodes but the first when Prometheus
// scrapes them: the nodes share one process, and only one can have the port.
func withoutMetrics(node int) fx.Option {
	exporters := strings.Split(os.Getenv("OTEL_METRICS_EXPORTER"), ",")
	if node == 0 || !slices.Contains(exporters, "prometheus") {
		return fx.Options()
	}
	return fx.Provide(func() metric.MeterProvider { return noop.NewMeterProvider() })
}

// attempts returns the function that makes the steps of each attempt.
func (n *node) attempts() func(*syncmod.Ceremony) ([]syncmod.Step, error) {
	var before *syncmod.Ceremony
	return func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		if before != nil {
			n.report.BeginsAgain(n.index, c.Status(), before.Err())
		}
		before = c
		n.attempted <- c
		return n.steps(c), nil
	}
}

// steps returns the work between the barriers. Here each step waits, and the last one attests the
// result.
func (n *node) steps(c *syncmod.Ceremony) []syncmod.Step {
	steps := make([]syncmod.Step, len(n.plan.steps))
	for i, name := range n.plan.steps {
		number := i + 1
		steps[i] = syncmod.Step{Name: name, Run: func(ctx context.Context) error {
			n.report.Passed(n.index, number, c.Status())
			if !sleep(ctx, 20*time.Millisecond+rand.N(100*time.Millisecond)) {
				return context.Cause(ctx)
			}
			if number == n.plan.killStep() && n.dies != survives {
				return n.die(ctx)
			}
			if number == len(n.plan.steps) {
				if err := c.Attest(n.plan.result(n.index)); err != nil {
					return err
				}
			}
			n.report.Arrived(n.index, number+1) // at the next barrier
			return nil
		}}
	}
	return steps
}

// death is what happens to a process in a step.
type death int

const (
	survives death = iota
	forGood        // the node does not come back
	restarts       // another process of the node follows
)

// die ends a process as the others see it: its connections break, and it tells nobody.
func (n *node) die(ctx context.Context) error {
	if n.dies == restarts {
		n.report.Restarts(n.index)
	} else {
		n.report.Dies(n.index)
	}
	n.log.SetOutput(io.Discard)
	err := n.host.Close()
	n.leave()
	<-ctx.Done() // a dead process does nothing more
	return err
}
