package limits_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/integration/netns"
)

// isolated is why the tests have no network of their own, nil if they have.
var isolated error

func TestMain(m *testing.M) {
	flag.Parse()
	isolated = isolate()
	goleak.VerifyTestMain(m)
}

// needsNamespace skips a test that says nothing on loopback.
func needsNamespace(t *testing.T) {
	t.Helper()
	netns.Need(t, isolated)
}
