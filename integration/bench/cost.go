package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/syncmod"
)

// processorTime returns the processor time that this process has used, on all
// processors together.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// settle waits until the processor time that the process uses no longer falls. Hosts
// tell each other of addresses and protocols for a while after they connect.
func settle() {
	const (
		window, most = 250 * time.Millisecond, 40
		nothing      = 2 * time.Millisecond
	)
	runtime.GC()
	for i, last := 0, time.Duration(math.MaxInt64); i < most; i++ {
		spent := processorTime()
		time.Sleep(window)
		spent = processorTime() - spent
		if spent < nothing || spent > last-last/5 {
			return
		}
		last = spent
	}
}

// usage returns how much processor time the process uses over a window, in percent of
// one processor.
func usage(window time.Duration) percent {
	settle()
	began, spent := time.Now(), processorTime()
	time.Sleep(window)
	return percent(100 * float64(processorTime()-spent) / float64(time.Since(began)))
}

// turnsAtRest is the number of parts into which a window is divided, so that the
// compared measurements take turns.
const turnsAtRest = 2

// measureProcessor measures a connected cluster that does nothing, and one in which all
// members but one wait. Then it stops the services and measures the same hosts without
// them: once with a frame and an answer every second on every stream of a bare mesh,
// and once with nothing at all.
func (b *bench) measureProcessor(c *cluster, m *mesh) error {
	n := c.size()
	var rest atRest
	err := b.trusted("rest", n, func() (by number, err error) {
		if c.services == nil { // an earlier measurement has stopped them
			if err := errors.Join(c.start(), c.open("rest")); err != nil {
				return 0, err
			}
		}
		rest, err = b.rest(c, m)
		return rest.moved, err
	})
	if err != nil {
		return err
	}
	b.print(newLine("idle").with("n", n).with("cpu", rest.idle).with("bare", rest.bare).
		with("ratio", ratio(rest.idle, rest.bare)).with("moved", rest.moved).with("hosts", rest.hosts))
	b.print(newLine("waiting").with("n", n).with("cpu", rest.waiting).with("idle", rest.idle).
		with("ratio", ratio(rest.waiting, rest.idle)))
	return nil
}

// atRest is the processor time of members that do nothing.
type atRest struct {
	idle, waiting, hosts, bare percent
	moved                      number // by how much the usage of the bare mesh changed
}

func (b *bench) rest(c *cluster, m *mesh) (r atRest, err error) {
	n := c.size()
	for range turnsAtRest {
		r.idle += usage(b.window/turnsAtRest) / turnsAtRest
		waiters := make(chan error, 1)
		go func() { waiters <- each(n-1, c.advance) }()
		r.waiting += usage(b.window/turnsAtRest) / turnsAtRest
		if err := errors.Join(c.advance(n-1), <-waiters); err != nil {
			return r, err
		}
	}
	if err := c.stop(); err != nil {
		return r, err
	}
	r.hosts = usage(b.window / turnsAtRest)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	beating := make(chan error, 1)
	go func() { beating <- m.beat(ctx, syncmod.DefaultConfig().Heartbeat) }()
	one, other := usage(b.window/turnsAtRest), usage(b.window/turnsAtRest)
	r.bare, r.moved = (one+other)/2, ratio(max(one, other), min(one, other))
	cancel()
	return r, <-beating
}

// footprint is what the process holds in memory.
type footprint struct{ heap, stacks, goroutines float64 }

func footprintNow() footprint {
	const collections = 4 // each lets a stack shrink by half
	settle()
	for range collections {
		runtime.GC()
	}
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	metrics.Read(samples)
	return footprint{
		float64(samples[0].Value.Uint64()),
		float64(samples[1].Value.Uint64()),
		float64(runtime.NumGoroutine()),
	}
}

func (f footprint) less(g footprint) footprint {
	return footprint{f.heap - g.heap, f.stacks - g.stacks, f.goroutines - g.goroutines}
}

func (f footprint) per(count int) footprint {
	return footprint{f.heap / float64(count), f.stacks / float64(count), f.goroutines / float64(count)}
}

// measureMemory measures how much memory a ceremony adds to connected hosts, beyond the
// memory of open streams without traffic. It measures the amount for each peer of a
// member, which means one stream in each direction, and the amount for the service
// itself.
func (b *bench) measureMemory(c *cluster) error {
	n := c.size()
	peers := n * (n - 1)
	bare := footprintNow()
	streams, err := openPlain(c.nodes)
	if err != nil {
		return err
	}
	plain := footprintNow().less(bare).per(peers)
	for _, s := range streams {
		_ = s.Reset()
	}
	clear(streams)
	bare = footprintNow()
	if err := c.start(); err != nil {
		return err
	}
	started := footprintNow()
	if err := c.open("memory"); err != nil {
		return err
	}
	for range 3 {
		if _, err := together(n, c.advance); err != nil {
			return err
		}
	}
	full := footprintNow().less(started).per(peers).less(plain)
	perNode := started.less(bare).per(n)
	b.print(newLine("memory").with("n", n).
		with("heap", kib(full.heap)).with("stacks", kib(full.stacks)).
		with("goroutines", number(full.goroutines)).
		with("stream", kib(plain.heap)).with("service_goroutines", number(perNode.goroutines)))
	return nil
}

// openPlain opens a stream from every host to every other host. It sends one byte in each
// direction, and nothing afterwards.
func openPlain(nodes []*node) ([]network.Stream, error) {
	var all []network.Stream
	for i := range nodes {
		streams, err := openStreams(nodes, i, plainProtocol)
		if err != nil {
			return nil, err
		}
		all = append(all, streams...)
	}
	b := []byte{1}
	for _, s := range all {
		if _, err := s.Write(b); err != nil {
			return nil, fmt.Errorf("writing on a plain stream: %w", err)
		}
		if _, err := io.ReadFull(s, b); err != nil {
			return nil, fmt.Errorf("reading from a plain stream: %w", err)
		}
	}
	return all, nil
}

// measureConnect measures how long it takes until hosts that have never met are
// connected in a ceremony, and until other such hosts are connected in a bare mesh.
func (b *bench) measureConnect(n int) error {
	var took, floor []time.Duration
	err := b.trusted("connecting", n, func() (number, error) {
		took, floor = nil, nil
		for range min(b.rounds, connects(n)) {
			bare, err := connectBare(n)
			if err != nil {
				return 0, err
			}
			floor = append(floor, bare)
			whole, err := connectCluster(n)
			if err != nil {
				return 0, err
			}
			took = append(took, whole)
		}
		return moved(floor), nil
	})
	if err != nil {
		return err
	}
	b.print(newLine("connect").with("n", n).with("p50", percentile(took, 50)).with("max", slices.Max(took)).
		with("floor", percentile(floor, 50)).with("ratio", ratio(percentile(took, 50), percentile(floor, 50))).
		with("moved", moved(floor)))
	return nil
}

// connects returns how often a mesh of n hosts is connected. A large one takes long.
func connects(n int) int { return max(3, min(10, 80/n)) }

func connectBare(n int) (time.Duration, error) {
	c, err := newCluster(n)
	if err != nil {
		return 0, err
	}
	settle()
	began := time.Now()
	m, err := connectMesh(c.nodes)
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	m.close()
	return took, c.close()
}

func connectCluster(n int) (time.Duration, error) {
	c, err := newCluster(n)
	if err != nil {
		return 0, err
	}
	if err := c.start(); err != nil {
		return 0, err
	}
	settle()
	began := time.Now()
	if err := c.open("connect"); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, c.close()
}
