package sinks_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Clusters mostly wait, so more of them can run than there are processors. -parallel overrides
	// this.
	_ = flag.Set("test.parallel", "6")
	goleak.VerifyTestMain(m)
}
