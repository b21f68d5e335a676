package check_test

import (
	"flag"
	"strconv"
	"strings"
	"testing"
	"time"
)

// run explores a configuration, or walks through it, and reports what it finds.
func run(t *testing.T, c *config) {
	t.Helper()
	began := time.Now()
	if c.walks > 0 {
		x := wander(c)
		t.Logf("%v, %v", took(began), x)
		for what := range x.found {
			t.Errorf("%s; the shortest story of all walks:\n%s", what, x.storyOf(what))
		}
		return
	}
	x := search(c)
	t.Logf("%v, %v", took(began), x)
	for _, f := range x.findings {
		t.Errorf("%s (%d times); the shortest story:\n%s", f.what, f.count, x.storyOf(f.state, f.event, f.what))
	}
}

// The small configurations: nothing is found in any.
func TestSmallConfigurations(t *testing.T) {
	for _, c := range small() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, &c)
		})
	}
}

var scratch = flag.String("scratch", "", "")

func TestScratch(t *testing.T) {
	c := &config{}
	f := flag.NewFlagSet("", flag.PanicOnError)
	i8 := func(p *int8, name string, def int8) {
		*p = def
		f.Func(name, "", func(s string) error { v, err := strconv.Atoi(s); *p = int8(v); return err })
	}
	f.IntVar(&c.size, "n", 2, "")
	i8(&c.last, "last", 2)
	i8(&c.losses, "loss", 0)
	i8(&c.migrations, "mig", 0)
	i8(&c.restarts, "rest", 0)
	i8(&c.restartAt.from, "rmin", 0)
	i8(&c.restartAt.to, "rmax", 9)
	i8(&c.crashes, "crash", 0)
	i8(&c.crashAt.to, "cmax", 9)
	i8(&c.aborts, "abort", 0)
	i8(&c.abortAt.from, "amin", 0)
	i8(&c.abortAt.to, "amax", 9)
	i8(&c.timeouts, "timeouts", 0)
	i8(&c.attempts, "attempts", 0)
	var foreign, late, off int
	f.IntVar(&foreign, "foreign", 0, "")
	f.IntVar(&late, "late", 0, "")
	f.IntVar(&off, "off", 0, "")
	f.IntVar(&c.walks, "walks", 0, "")
	f.Uint64Var(&c.seed, "seed", 1, "")
	f.BoolVar(&c.untilFailure, "until", false, "")
	f.BoolVar(&c.byStream, "bystream", false, "")
	f.BoolVar(&c.leaves, "leaves", false, "")
	f.BoolVar(&c.impatient, "impatient", false, "")
	f.IntVar(&c.states, "states", 30000000, "")
	f.Parse(strings.Fields(*scratch))
	c.foreign, c.late, c.off = set(foreign), set(late), reductions(off)
	run(t, c)
}
