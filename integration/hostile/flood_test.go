package hostile_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

const (
	many      = 10_000 // streams of a flood
	strangers = 4
	atOnce    = 500 // streams of each stranger at a time
)

func TestAFloodOfStrangersGoesUnseen(t *testing.T) {
	for name, limits := range map[string]harness.Option{
		"libp2p's default limits": harness.Hosts(),
		"no limits":               unlimited(),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMembers(t, limits)
			calm := median(m.barriers(t, after(50)))
			goroutines, bytes := runtime.NumGoroutine(), held()
			costs := peak()
			flood := newFlood(t, many, m.Nodes[alice], bobsRequest(t, m.Cluster))
			during := m.barriers(t, flood.over)
			fates := flood.end(t)
			t.Logf("%s; at most %s more memory, attacker and nodes together; took %s; "+
				"barriers: median %s before, %s of %d during the flood",
				count(fates), size(costs()), flood.took.Round(time.Millisecond), calm, median(during), len(during))

			for fate := range fates { // libp2p may reset streams itself, or be too busy to open them
				require.NotRegexp(t, "answered|refused|closed", fate)
			}
			require.Greater(t, fates[gated], many/2)
			require.GreaterOrEqual(t, m.refusedStrangers(t), int64(fates[gated]))
			require.LessOrEqual(t, m.refusedStrangers(t), int64(many))
			lines := strings.Count(m.Nodes[alice].Logged(), "refused a stranger")
			require.LessOrEqual(t, lines, 1+int(flood.took/(10*time.Second)))
			m.Advance(m.All()...)
			returnTo(t, goroutines, bytes)
		})
	}
}

// flood has strangers that open as many streams to a node as they can, and open them
// again after each reset.
type flood struct {
	hosts []*harness.RawPeer
	done  chan struct{} // closed at the end of the flood
	took  time.Duration

	mu    sync.Mutex
	fates map[string]int
}

func newFlood(t testing.TB, streams int, at *harness.Node, says []byte) *flood {
	t.Helper()
	f := &flood{done: make(chan struct{}), fates: make(map[string]int)}
	for range strangers {
		s := newStranger(t)
		s.Connect(t, at.Host)
		f.hosts = append(f.hosts, s)
	}
	var all sync.WaitGroup
	began := time.Now()
	for _, s := range f.hosts {
		for range atOnce {
			all.Go(func() {
				for range streams / strangers / atOnce {
					f.note(s.Knock(context.Background(), at.Host, says))
				}
			})
		}
	}
	go func() {
		defer close(f.done)
		all.Wait()
		f.took = time.Since(began)
	}()
	return f
}

func (f *flood) note(fate string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fates[fate]++
}

func (f *flood) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// end waits for the end of the flood, and closes the strangers' hosts. It returns how
// often each outcome happened.
func (f *flood) end(t testing.TB) map[string]int {
	t.Helper()
	<-f.done
	for _, s := range f.hosts {
		require.NoError(t, s.Host.Close())
	}
	return f.fates
}

// barriers passes one barrier after another until the function over returns true. It
// returns how long each took.
func (m *members) barriers(t testing.TB, over func() bool) (took []time.Duration) {
	t.Helper()
	for !over() {
		began := time.Now()
		m.Advance(m.All()...)
		took = append(took, time.Since(began))
	}
	require.NotEmpty(t, took)
	return took
}

// after returns a function that returns false for the given number of
// calls, and then true.
func after(times int) func() bool {
	return func() bool {
		times--
		return times < 0
	}
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2].Round(10 * time.Microsecond)
}
