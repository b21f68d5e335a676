package check_test

import "testing"

// run explores a configuration, or walks through it, and reports what it finds.
func run(t *testing.T, c *config) {
	t.Helper()
	if c.walks > 0 {
		x := wander(c)
		t.Log(x)
		for what := range x.found {
			t.Errorf("%s; the shortest story of all walks:\n%s", what, x.storyOf(what))
		}
		return
	}
	x := search(c)
	t.Log(x)
	for _, f := range x.findings {
		t.Errorf("%s (%d times); the shortest story:\n%s", f.what, f.count, x.storyOf(f.state, f.event, f.what))
	}
}

// The small configurations have no counterexamples.
func TestSmallConfigurations(t *testing.T) {
	for _, c := range small() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, &c)
		})
	}
}
