package main

import (
	"errors"
	"math"
	"time"
)

// growthLines derives two things from the measurements. The first is how the latency of
// a barrier grows, as a power of the number of members. The second is what to expect of
// larger ceremonies: for all members on one machine, where they share its processors,
// and for a member that has a machine of its own and does 1/n of the work. growthLines
// assumes that a message in a larger ceremony costs as much as in the largest ceremony
// that was measured.
func growthLines(lines []line) ([]line, error) {
	costs := named(lines, "cost")
	exponent, err := power(named(lines, "barrier"))
	if err != nil {
		return nil, err
	}
	out := []line{newLine("growth").with("exponent", number(exponent))}
	if len(costs) == 0 {
		return out, nil
	}
	largest := costs[len(costs)-1]
	wall, cpu := largest.duration("wall"), largest.duration("cpu")
	for _, n := range []int{100, 1000} {
		messages := n * (n - 1)
		out = append(out,
			newLine("expect").with("n", n).with("messages", messages).
				with("one_machine", wall*time.Duration(messages)).
				with("member_messages", 2*(n-1)).with("member_cpu", cpu*time.Duration(n-1)))
	}
	return out, nil
}

// power fits a power of n to the p50 of barriers with at least 4 members, by least
// squares of the logarithms. It returns the exponent.
func power(barriers []line) (float64, error) {
	const least = 4
	var k, x, y, xx, xy float64
	for _, l := range barriers {
		n, took := l.int("n"), l.duration("p50")
		if n < least || took <= 0 {
			continue
		}
		lx, ly := math.Log(float64(n)), math.Log(float64(took))
		k, x, y, xx, xy = k+1, x+lx, y+ly, xx+lx*lx, xy+lx*ly
	}
	if k < 2 {
		return 0, errors.New("too few barriers measured to say how they grow")
	}
	return (k*xy - x*y) / (k*xx - x*x), nil
}

// named returns the lines that have the given name.
func named(lines []line, name string) []line {
	var out []line
	for _, l := range lines {
		if l.name == name {
			out = append(out, l)
		}
	}
	return out
}
