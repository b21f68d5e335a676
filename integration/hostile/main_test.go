package hostile_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Clusters mostly wait: there can be more of them than processors; -parallel overrides it.
	_ = flag.Set("test.parallel", "3")
	goleak.VerifyTestMain(m)
}
