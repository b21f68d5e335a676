package check_test

import (
	"flag"
	"math/rand/v2"
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
	var foreign, late, off, reopen int
	f.IntVar(&foreign, "foreign", 0, "")
	f.IntVar(&late, "late", 0, "")
	f.IntVar(&off, "off", 0, "")
	f.IntVar(&reopen, "reopen", 0, "")
	f.BoolVar(&c.leaves, "leaves", false, "")
	f.BoolVar(&c.impatient, "impatient", false, "")
	f.IntVar(&c.states, "states", 30000000, "")
	f.Parse(strings.Fields(*scratch))
	c.foreign, c.late, c.off, c.reopen = set(foreign), set(late), reductions(off), attemptsMode(reopen)
	run(t, c)
}

type attemptsMode = reopen

func TestSmall(t *testing.T) {
	for _, c := range small() {
		t.Run(c.name, func(t *testing.T) { run(t, c) })
	}
}

func TestLoop(t *testing.T) {
	c := &config{size: 3, last: 1, aborts: 1, abortAt: steps{0, 0}}
	w := newWorld(c)
	w.do(event{giveUp, 0, 0})
	n := emptyWorld(c)
	w.story = func(l string) { t.Log(l) }
	beats := 0
	for range 300 {
		var next []event
		for _, e := range w.events(nil) {
			if e.expected() && e.kind != heartbeat {
				next = append(next, e)
			}
		}
		if len(next) == 0 {
			beats++
			for _, e := range w.events(nil) {
				if e.expected() {
					next = append(next, e)
				}
			}
		}
		if len(next) == 0 || beats > 5 {
			t.Log("END", next)
			break
		}
		n.copyFrom(w)
		n.story = w.story
		n.do(next[rand.IntN(len(next))])
		w.copyFrom(n)
	}
	for i := range w.size {
		t.Logf("%+v", w.nodes[i])
	}
	for s := range w.count {
		t.Logf("%+v", w.streams[s])
	}
}
