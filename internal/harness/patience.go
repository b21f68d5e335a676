package harness

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long a test waits for what has to happen.
const Patience = 30 * time.Second

// Within is a context that ends when the test's patience does.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Due is a context whose deadline is so near, and that ends only with the test's
// patience: who stops early because of a deadline does so, and a machine that is busy
// then cuts nothing off. How long it took is what [Stopwatch] tells.
func Due(t testing.TB, in time.Duration) context.Context {
	t.Helper()
	return due{Within(t), time.Now().Add(in)}
}

type due struct {
	context.Context
	deadline time.Time
}

// Deadline is what the context is given for.
func (d due) Deadline() (deadline time.Time, ok bool) { return d.deadline, true }

// Next takes what comes next from a channel, or its end.
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

// Await takes what comes from a channel until it is as wanted.
func Await[T any](t testing.TB, from <-chan T, wanted func(T) bool) T {
	t.Helper()
	for {
		if v := Next(t, from); wanted(v) {
			return v
		}
	}
}

// Eventually waits until something is so that no event tells of.
func Eventually(t testing.TB, so func() bool, what string) {
	t.Helper()
	require.Eventually(t, so, Patience, 5*time.Millisecond, what)
}
