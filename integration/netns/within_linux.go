package netns

import "testing"

// Within calls f on a thread that is in the namespace. A process that f starts is there
// too. Goroutines that f starts are not.
func (n *Namespace) Within(t testing.TB, f func()) {
	t.Helper()
	n.in(t, f)
}
