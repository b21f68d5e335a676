package sinks_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Clusters mostly wait: there can be more of them than processors. -parallel overrides this.
	_ = flag.Set("test.parallel", "6")
	goleak.VerifyTestMain(m)
}
