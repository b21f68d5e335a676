package netns

import (
	"os"
	"testing"
)

// Need skips a test if [Enter] has returned an error. In CI it fails the test, because nobody would notice a
// test that CI skips.
func Need(t testing.TB, isolated error) {
	t.Helper()
	need(t, "a network namespace", isolated)
}

func need(t testing.TB, what string, missing error) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("needs %s: %v", what, missing)
	default:
		t.Skipf("needs %s: %v", what, missing)
	}
}
