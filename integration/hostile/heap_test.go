package hostile_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mebi = 1 << 20

// held is what the process holds, in bytes: objects that live, and the stacks of
// goroutines. What is made during a collection counts as alive in it, which can be a
// lot on a busy machine: the lower of two is nearer to the truth.
func held() int64 { return min(collected(), collected()) }

func collected() int64 {
	runtime.GC()
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() + samples[1].Value.Uint64())
}

// peak measures how much more than before the process holds at the most, until
// the function that it returns is called. The attacker is part of the process:
// what he holds counts as well.
func peak() (stop func() int64) {
	before, most := held(), int64(0)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(50 * time.Millisecond) // a sample costs a collection
		defer ticker.Stop()
		for {
			most = max(most, held()-before)
			select {
			case <-ticker.C:
			case <-end:
				most = max(most, held()-before)
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		<-ended
		return most
	}
}

func size(bytes int64) string {
	const noise = mebi / 10
	if bytes < noise {
		return "< 0.1 MiB"
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/mebi)
}

// returnTo waits until no more goroutines run, and no more memory is held, than
// before, but for what hosts keep of peers that they have met, and for buffers that
// are kept for reuse: a KiB that each of 10,000 streams leaves behind is more.
func returnTo(t testing.TB, goroutines int, bytes int64) {
	t.Helper()
	const few, some, tick = 10, 6 * mebi, 50 * time.Millisecond
	began := time.Now()
	var now int
	var holds int64
	require.Eventually(t, func() bool {
		now, holds = runtime.NumGoroutine(), held()
		return now <= goroutines+few && holds <= bytes+some
	}, 30*time.Second, tick, "before: %d goroutines, %s", goroutines, size(bytes))
	t.Logf("before: %d goroutines, %s; %s after: %d goroutines, %s",
		goroutines, size(bytes), time.Since(began).Round(time.Millisecond), now, size(holds))
}
