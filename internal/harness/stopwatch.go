package harness

import (
	"testing"
	"time"
)

// Stopwatch starts to measure time and returns a function that reads it. It only counts
// time in which the process got a processor when it wanted one. So a test can set a
// limit for the nodes that does not depend on how busy the machine is.
func Stopwatch(t testing.TB) (elapsed func() time.Duration) {
	t.Helper()
	const tick = 5 * time.Millisecond
	began := time.Now()
	ask, answer, done := make(chan struct{}), make(chan time.Duration), make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		ticker := time.NewTicker(tick) // it drops ticks that are not received in time
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
