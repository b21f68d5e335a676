package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const (
	// blockTime is how long rounds of one kind go on before the other kind takes its turn. It is less than half a
	// heartbeat. A stream on which something was sent needs no heartbeat for that time, so no heartbeat falls into a
	// block of the floor.
	blockTime   = 400 * time.Millisecond
	blockRounds = 20
	// mostOthers bounds the rounds with stragglers in large ceremonies. In these ceremonies,
	// it takes the other members much longer to enter than the measured part takes.
	mostOthers = 6400
	// mostMoved is the most that a floor may change within a measurement. If it changes
	// more, the machine was busy with something else.
	mostMoved = 1.5
	// attempts is how often a measurement is made if the machine is busy.
	attempts = 3
)

// calm waits until nothing of a round is in progress, and then for a random time, so that rounds do not keep step with
// a timer. Answers that members hold back use no processor time, so the process must be quiet for longer than answers
// are held. A quiet process proves nothing while the machine is busy with something else.
func calm() {
	const (
		held, tick, most = 15 * time.Millisecond, 2 * time.Millisecond, 200
		nothing          = tick / 10
		random           = 15 * time.Millisecond
	)
	for i, quiet := 0, time.Duration(0); i < most && quiet < held; i++ {
		began, spent := time.Now(), processorTime()
		time.Sleep(tick)
		if quiet += tick; processorTime()-spent >= nothing || time.Since(began) > 2*tick {
			quiet = 0
		}
	}
	time.Sleep(rand.N(random))
}

// series is the measurements of rounds of one kind.
type series struct {
	took []time.Duration
	cpu  time.Duration
}

// block adds rounds to a series until the block is full.
func (s *series) block(rounds int, pause func(), round func() (time.Duration, error)) error {
	if len(s.took) >= rounds {
		return nil
	}
	began, spent := time.Now(), processorTime()
	for range min(blockRounds, rounds-len(s.took)) {
		took, err := round()
		if err != nil {
			return err
		}
		s.took = append(s.took, took)
		pause()
		if time.Since(began) > blockTime {
			break
		}
	}
	s.cpu += processorTime() - spent
	return nil
}

// moved returns by how much measurements of the same thing changed during a run. It
// divides the measurements into parts, and returns the ratio of the largest median to
// the smallest.
func moved(took []time.Duration) number {
	const whole, quarters, halves = 40, 4, 2
	parts := halves
	if len(took) >= whole {
		parts = quarters
	}
	if len(took) < parts {
		return 1
	}
	var medians []time.Duration
	for i := range parts {
		medians = append(medians, percentile(took[i*len(took)/parts:(i+1)*len(took)/parts], 50))
	}
	return ratio(slices.Max(medians), slices.Min(medians))
}

// trusted makes a measurement and repeats it if the machine was busy with something
// else. The measurement returns by how much its floor changed.
func (b *bench) trusted(what string, n int, measure func() (moved number, err error)) error {
	for i := 1; ; i++ {
		by, err := measure()
		if err != nil || by <= mostMoved || b.rounds < blockRounds {
			return err
		}
		if i == attempts {
			_, _ = fmt.Fprintf(os.Stderr, "%s of %d: the floor moved by %.2f: do not trust it\n", what, n, by)
			return nil
		}
		_, _ = fmt.Fprintf(os.Stderr, "%s of %d: the floor moved by %.2f: measuring again\n", what, n, by)
	}
}

// perMessage returns the processor time of one message with its answer, on both sides
// together.
func (s *series) perMessage(messages int) time.Duration {
	return s.cpu / time.Duration(max(1, len(s.took)*messages))
}

// turns makes the rounds of a barrier and those of its floor take turns, until there
// are enough of each.
func (b *bench) turns(rounds int, one, other func(s *series) error) (barrier, floor *series, err error) {
	barrier, floor = new(series), new(series)
	enough := func(s *series) bool { return len(s.took) >= rounds }
	if b.without["barrier"] {
		barrier.took = make([]time.Duration, rounds)
	}
	if b.without["floor"] {
		floor.took = make([]time.Duration, rounds)
	}
	for swap := false; !enough(barrier) || !enough(floor); swap = !swap {
		first, second := func() error { return one(barrier) }, func() error { return other(floor) }
		if swap {
			first, second = second, first
		}
		if err := errors.Join(first(), second()); err != nil {
			return nil, nil, err
		}
	}
	return barrier, floor, nil
}

// measureLatency measures the barriers of a connected cluster, and their floors.
func (b *bench) measureLatency(c *cluster, m *mesh) error {
	n := c.size()
	settle()
	pinger, err := newPinger(c.nodes[0], c.nodes[1])
	if err != nil {
		return err
	}
	defer pinger.close()
	var pings, barrier, floor *series
	err = b.trusted("barriers", n, func() (number, error) {
		pings = new(series)
		barrier, floor, err = b.turns(b.rounds,
			func(s *series) error {
				return s.block(b.rounds, calm, func() (time.Duration, error) { return together(n, c.advance) })
			},
			func(s *series) error {
				return errors.Join(
					pings.block(b.rounds, runtime.Gosched, pinger.ping),
					s.block(b.rounds, calm, func() (time.Duration, error) { return together(n, m.enter) }),
				)
			})
		if err != nil {
			return 0, fmt.Errorf("measuring barriers: %w", err)
		}
		return moved(floor.took), nil
	})
	if err != nil {
		return err
	}
	p50, p99 := percentile(barrier.took, 50), percentile(barrier.took, 99)
	floor50, floor99 := percentile(floor.took, 50), percentile(floor.took, 99)
	b.print(newLine("barrier").with("n", n).with("p50", p50).with("p99", p99).
		with("floor", floor50).with("ratio", ratio(p50, floor50)).with("moved", moved(floor.took)).
		with("ping", percentile(pings.took, 50)))
	b.print(newLine("tail").with("n", n).with("p99", p99).with("floor_p99", floor99).
		with("ratio", ratio(p99, floor99)))
	messages := n * (n - 1)
	cpu, floorCPU := barrier.perMessage(messages), floor.perMessage(messages)
	b.print(newLine("cost").with("n", n).with("messages", messages).
		with("wall", p50/time.Duration(messages)).with("cpu", cpu).
		with("floor", floorCPU).with("ratio", ratio(cpu, floorCPU)))
	if b.without["straggler"] {
		return nil
	}
	return b.measureStraggler(c, m)
}

func (b *bench) measureStraggler(c *cluster, m *mesh) error {
	n := c.size()
	rounds := min(b.rounds, max(blockRounds, mostOthers/n))
	var barrier, floor *series
	err := b.trusted("stragglers", n, func() (by number, err error) {
		barrier, floor, err = b.turns(rounds,
			func(s *series) error {
				return s.block(rounds, calm, func() (time.Duration, error) {
					return straggle(n, len(s.took)%n, c.advance, c.heard)
				})
			},
			func(s *series) error {
				return s.block(rounds, calm, func() (time.Duration, error) {
					return straggle(n, len(s.took)%n, m.enter, m.heard)
				})
			})
		if err != nil {
			return 0, fmt.Errorf("measuring stragglers: %w", err)
		}
		return moved(floor.took), nil
	})
	if err != nil {
		return err
	}
	p50, floor50 := percentile(barrier.took, 50), percentile(floor.took, 50)
	b.print(newLine("straggler").with("n", n).with("p50", p50).with("p99", percentile(barrier.took, 99)).
		with("floor", floor50).with("ratio", ratio(p50, floor50)).with("moved", moved(floor.took)))
	return nil
}

// pinger is a stream that speaks libp2p's ping protocol.
type pinger struct{ stream network.Stream }

func newPinger(from, to *node) (pinger, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := from.NewStream(ctx, to.ID(), ping.ID)
	if err != nil {
		return pinger{}, fmt.Errorf("opening a stream for pings: %w", err)
	}
	p := pinger{stream: s}
	_, err = p.ping() // negotiates the protocol
	return p, err
}

// ping measures a round trip.
func (p pinger) ping() (time.Duration, error) {
	var b [ping.PingSize]byte
	began := time.Now()
	if _, err := p.stream.Write(b[:]); err != nil {
		return 0, fmt.Errorf("pinging: %w", err)
	}
	if _, err := io.ReadFull(p.stream, b[:]); err != nil {
		return 0, fmt.Errorf("pinging: %w", err)
	}
	return time.Since(began), nil
}

func (p pinger) close() { _ = p.stream.Reset() }
