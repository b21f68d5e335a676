package check_test

import (
	"flag"
	"strconv"
	"strings"
	"testing"
	"time"
)

func run(t *testing.T, c *config) *explorer {
	t.Helper()
	began := time.Now()
	x := search(c)
	t.Logf("%v: %v; %v", c, took(began), x)
	for _, f := range x.findings {
		t.Errorf("%s (%d times):\n%s", f.what, f.count, x.storyOf(f.state, f.event, f.what))
	}
	return x
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
	f.BoolVar(&c.leaves, "leaves", false, "")
	f.BoolVar(&c.impatient, "impatient", false, "")
	f.IntVar(&c.states, "states", 30000000, "")
	f.Parse(strings.Fields(*scratch))
	c.foreign, c.late, c.off = set(foreign), set(late), reductions(off)
	f2 := c
	if c.walks > 0 {
		x := wander(f2)
		t.Log(x)
		for what := range x.found {
			t.Error(x.storyOf(what))
		}
		return
	}
	run(t, c)
}


// small are configurations that take a moment, of every kind of event.
func small() []*config {
	return []*config{
		{name: "losses", size: 2, last: 2, losses: 1},
		{name: "migration", size: 2, last: 2, migrations: 1, losses: 1},
		{name: "foreign", size: 2, last: 2, losses: 1, foreign: nodes(0)},
		{name: "restart", size: 2, last: 2, restarts: 1, restartAt: steps{0, 2}},
		{name: "crash", size: 2, last: 2, crashes: 1, crashAt: steps{0, 2}},
		{name: "abort", size: 2, last: 2, aborts: 1, abortAt: steps{0, 1}, losses: 1},
		{name: "timeout", size: 2, last: 2, timeouts: 1, losses: 1},
		{name: "late", size: 2, last: 1, late: nodes(1), losses: 1},
		{name: "leaving", size: 2, last: 1, leaves: true, losses: 1},
		{name: "next attempt", size: 2, last: 1, aborts: 1, abortAt: steps{0, 0}, attempts: 1},
		{name: "three nodes", size: 3, last: 1},
	}
}

func TestSmall(t *testing.T) {
	for _, c := range small() {
		t.Run(c.name, func(t *testing.T) { run(t, c) })
	}
}
