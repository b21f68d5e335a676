package limits_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/integration/netns"
)

// isolated says why the tests have no network of their own. It is nil if they have one.
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
