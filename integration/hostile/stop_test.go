package hostile_test

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// tireless has attacks that never end: each function is called again and again for one node.
var tireless = map[string]func(ctx context.Context, m *member, to int, request []byte){
	"streams without end": func(ctx context.Context, m *member, to int, _ []byte) {
		m.send(ctx, to, harness.Claim(16 << 10)[:4])
	},
	"requests on new streams without end": func(ctx context.Context, m *member, to int, request []byte) {
		m.send(ctx, to, request)
	},
	"requests on a stream without end": func(ctx context.Context, m *member, to int, request []byte) {
		m.send(ctx, to, bytes.Repeat(request, 1<<14))
	},
	"garbage without end": func(ctx context.Context, m *member, to int, request []byte) {
		m.send(ctx, to, append(request, garbage(1<<10)...))
	},
}

// send opens a stream and writes as many of the bytes as the node takes.
func (m *member) send(ctx context.Context, to int, b []byte) {
	opened, err := m.self.Host.NewStream(ctx, m.Nodes[to].ID(), syncmod.ProtocolID)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = opened.Reset() })
	defer stop()
	_, _ = opened.Write(b)
}

// start begins an attack on every node. It goes on until it is stopped.
func (m *member) start(
	t testing.TB, attack func(ctx context.Context, m *member, to int, request []byte),
) (stop func()) {
	t.Helper()
	const pace = 5 * time.Millisecond // faster attacks would only show that attacker and victim share a processor
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, i := range honest {
		request := harness.Frame(m.requestTo(t, i))
		all.Go(func() {
			again := time.NewTicker(pace)
			defer again.Stop()
			for ctx.Err() == nil {
				attack(ctx, m, i, bytes.Clone(request))
				<-again.C
			}
		})
	}
	stop = func() {
		cancel()
		all.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func TestAnEndlessAttackLeavesNothing(t *testing.T) {
	for name, attack := range tireless {
		t.Run(name, func(t *testing.T) {
			m := running(t, impatient(), session)
			goroutines, bytes := runtime.NumGoroutine(), held()
			costs := peak()
			end := m.start(t, attack)
			<-time.After(time.Second) // any growth would show by now
			end()
			cost := costs()
			logged := m.Nodes[bob].Logged()
			t.Logf("%s at the most; %d lines logged, %d of them debug",
				size(cost), strings.Count(logged, "\n"), strings.Count(logged, "level=debug"))

			require.Less(t, cost, int64(most))
			m.requireGoesOn(t)
			returnTo(t, goroutines, bytes)
		})
	}
}

func TestStopIsQuickUnderAttack(t *testing.T) {
	for name, attack := range tireless {
		t.Run(name, func(t *testing.T) {
			m := running(t, impatient(), session)
			m.misbehave(answersForEver)
			m.start(t, attack)
			<-time.After(200 * time.Millisecond) // lets the attack get going
			m.requireStops(t)
		})
	}
}
