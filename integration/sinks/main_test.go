package sinks_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6") // clusters mostly wait: there can be more of them than processors; -parallel overrides it
	goleak.VerifyTestMain(m)
}
