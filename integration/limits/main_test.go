package limits_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/integration/netns"
)

// The error isolated says why the tests have no network of their own. The error is
// nil if the tests have a network of their own.
var isolated error

func TestMain(m *testing.M) {
	flag.Parse()
	isolated = isolate()
	goleak.VerifyTestMain(m)
}

// needsNamespace skips a test that would show nothing on loopback.
func needsNamespace(t *testing.T) {
	t.Helper()
	netns.Need(t, isolated)
}
