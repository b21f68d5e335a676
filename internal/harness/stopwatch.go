package harness

import (
	"testing"
	"time"
)

// Stopwatch measures time from now on, and returns what reads it. It counts only
// the time in which the process got a processor when it wanted one: what a test
// bounds is the nodes, and not how busy the machine is with something else.
func Stopwatch(t testing.TB) (elapsed func() time.Duration) {
	t.Helper()
	const tick = 5 * time.Millisecond
	began := time.Now()
	ask, answer, done := make(chan struct{}), make(chan time.Duration), make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		ticker := time.NewTicker(tick) // drops ticks that nobody takes in time
		defer ticker.Stop()
		var served time.Duration
		for {
			select {
			case <-ticker.C:
				served += tick
			case <-ask:
				answer <- min(served+tick, time.Since(began))
			case <-done:
				return
			}
		}
	}()
	return func() time.Duration {
		ask <- struct{}{}
		return <-answer
	}
}
