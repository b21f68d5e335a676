package limits_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// isolated is why the tests have no network of their own, nil if they have.
var isolated error

func TestMain(m *testing.M) {
	flag.Parse()
	isolated = isolate()
	goleak.VerifyTestMain(m)
}

// needsNamespace skips a test that says nothing on loopback. In CI it fails: what CI
// cannot test would go unnoticed.
func needsNamespace(t *testing.T) {
	t.Helper()
	switch {
	case isolated == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("needs a network namespace: %v", isolated)
	default:
		t.Skipf("needs a network namespace: %v", isolated)
	}
}
