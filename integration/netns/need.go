package netns

import (
	"os"
	"testing"
)

// Need skips a test where [Enter] has returned an error. In CI it fails: what CI cannot test would go unnoticed.
func Need(t testing.TB, isolated error) {
	t.Helper()
	switch {
	case isolated == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("needs a network namespace: %v", isolated)
	default:
		t.Skipf("needs a network namespace: %v", isolated)
	}
}
