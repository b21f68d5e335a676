package netns

import "testing"

// Within calls f on a thread that is in the namespace. Processes that f starts are in
// the namespace too. Goroutines that f starts are not.
func (n *Namespace) Within(t testing.TB, f func()) {
	t.Helper()
	n.in(t, f)
}
