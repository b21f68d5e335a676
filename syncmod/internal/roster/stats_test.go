package roster_test

import (
	"fmt"
	"pgregory.net/rapid"
	"sort"
	"testing"
)

var stats = map[string]int{}

func TestZStats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		n := rapid.IntRange(0, 400).Draw(t, "events")
		for range n {
			w.step()
		}
		stats["events"] += n
		stats["worlds"]++
		stats[fmt.Sprintf("restarts %d", w.restarts)]++
		m := int64(99)
		c := 0
		for _, p := range w.nodes {
			m = min(m, p.roster.Passed())
			c += p.complete
		}
		stats[fmt.Sprintf("min passed %d", m)]++
		if c == len(w.nodes) {
			stats["all complete"]++
		}
		if c > 0 {
			stats["some complete"]++
		}
	})
	var ks []string
	for k := range stats {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	for _, k := range ks {
		t.Log(k, stats[k])
	}
}
