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

// held returns the bytes that the process holds: live objects and the stacks of
// goroutines. A collection counts the objects that are made while it runs as live. On
// a busy machine, these can be many. So the lower of two results is closer to the
// truth.
func held() int64 { return min(collected(), collected()) }

func collected() int64 {
	runtime.GC()
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() + samples[1].Value.Uint64())
}

// peak measures the largest increase in what the process holds, until the returned
// function is called. The attacker is part of the process, so what the attacker holds
// counts too.
func peak() (stop func() int64) {
	before, most := held(), int64(0)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(50 * time.Millisecond) // each sample costs a collection
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

// returnTo waits until the process runs no more goroutines and holds no more memory
// than before. It allows for what hosts remember of peers, and for buffers that are
// kept for reuse. If each of 10,000 streams leaves a KiB behind, that is too much.
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
