package harness

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long a test waits for something that must happen.
const Patience = 30 * time.Second

// Within returns a context that ends after Patience.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Due returns a context whose deadline is the given duration from now. The context
// itself ends only after [Patience]. So code that is made to stop a little before
// its deadline still stops then, but on a busy machine nothing is cut off.
// [Stopwatch] tells how long it took.
func Due(t testing.TB, in time.Duration) context.Context {
	t.Helper()
	return due{Within(t), time.Now().Add(in)}
}

type due struct {
	context.Context
	deadline time.Time
}

// Deadline returns the near deadline.
func (d due) Deadline() (deadline time.Time, ok bool) { return d.deadline, true }

// Next receives the next value from a channel, or the zero value if the channel is
// closed.
func Next[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(Patience):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}

// Await receives values from a channel until wanted accepts one, and returns that value.
func Await[T any](t testing.TB, from <-chan T, wanted func(T) bool) T {
	t.Helper()
	for {
		if v := Next(t, from); wanted(v) {
			return v
		}
	}
}

// Eventually calls a function again and again until it returns true. Use it only if
// no event announces the change.
func Eventually(t testing.TB, so func() bool, what string) {
	t.Helper()
	require.Eventually(t, so, Patience, 5*time.Millisecond, what)
}
