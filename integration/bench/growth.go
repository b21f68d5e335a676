package main

import (
	"fmt"
	"math"
	"time"
)

// growth is how the latency of a barrier grows with the number of members, all
// of them on one machine.
type growth struct {
	base     time.Duration // what a barrier takes without its messages,
	each     time.Duration // and what each of them adds
	exponent float64       // of n, from 4 members up
}

// grow fits base + each·n·(n−1) to the p50 of barriers, so that the sum of the
// squares of the relative errors is the least; and a power of n.
func grow(barriers []line) (growth, error) {
	var w, wm, wmm, wy, wmy float64 // the sums of the weighted normal equations
	var k, x, xx, y, xy float64     // those of the logarithms
	for _, l := range barriers {
		n, took := float64(l.int("n")), float64(l.duration("p50"))
		if n < 2 || took <= 0 {
			continue
		}
		m, weight := n*(n-1), 1/(took*took)
		w, wm, wmm = w+weight, wm+weight*m, wmm+weight*m*m
		wy, wmy = wy+weight*took, wmy+weight*m*took
		if n < 4 {
			continue
		}
		k, x, xx = k+1, x+math.Log(n), xx+math.Log(n)*math.Log(n)
		y, xy = y+math.Log(took), xy+math.Log(n)*math.Log(took)
	}
	if k < 2 {
		return growth{}, fmt.Errorf("a fit needs barriers of two different numbers of members from 4 up, there are %.0f", k)
	}
	slope := (w*wmy - wm*wy) / (w*wmm - wm*wm)
	return growth{
		base: time.Duration((wy - slope*wm) / w), each: time.Duration(slope),
		exponent: (k*xy - x*y) / (k*xx - x*x),
	}, nil
}

// at is what the fit says of n members.
func (g growth) at(n int) time.Duration { return g.base + g.each*time.Duration(n*(n-1)) }

// growthLines derives from the barriers measured how their cost grows, and what
// larger ceremonies have to expect. A member of a real ceremony has a machine of
// its own, and 1 in n of the work of all.
func growthLines(lines []line) ([]line, error) {
	barriers, costs := named(lines, "barrier"), named(lines, "cost")
	g, err := grow(barriers)
	if err != nil {
		return nil, err
	}
	out := []line{newLine("growth").with("base", g.base).with("per_message", g.each).with("exponent", number(g.exponent))}
	if len(costs) == 0 {
		return out, nil
	}
	cpu := costs[len(costs)-1].duration("cpu")
	for _, n := range []int{100, 1000} {
		out = append(out, newLine("expect").with("n", n).with("messages", n*(n-1)).with("one_machine", g.at(n)).
			with("member_messages", 2*(n-1)).with("member_cpu", cpu*time.Duration(n-1)))
	}
	return out, nil
}

// named returns the lines of a name.
func named(lines []line, name string) []line {
	var out []line
	for _, l := range lines {
		if l.name == name {
			out = append(out, l)
		}
	}
	return out
}
