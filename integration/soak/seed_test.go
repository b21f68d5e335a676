package soak

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestASeedGivesTheSamePlan(t *testing.T) {
	for seed := range uint64(100) {
		require.Empty(t, cmp.Diff(draw(seed, 0).String(), draw(seed, 0).String()))
	}
	require.NotEqual(t, draw(1, 0).String(), draw(2, 0).String())
}

func TestEveryKindOfFaultIsDrawn(t *testing.T) {
	drawn := make(map[kind]int)
	networks := make(map[transport]int)
	ends := make(map[outcome]int)
	sizes := make(map[int]int)
	for seed := range uint64(1000) {
		p := draw(seed, 0)
		networks[p.network]++
		sizes[p.members]++
		for _, r := range p.rounds {
			for _, c := range r.ceremonies {
				ends[c.expected()]++
				for _, f := range c.faults {
					drawn[f.kind]++
				}
			}
		}
	}

	t.Log(drawn, networks, ends, sizes)
	require.Len(t, drawn, int(kinds))
	require.Len(t, networks, 4)
	require.Len(t, ends, 3)
	require.Len(t, sizes, 7)
}

// A strict cluster soon gives up a lost member. So a fault that must not fail its
// ceremony must not break connections either.
func TestAStrictClusterBreaksNothing(t *testing.T) {
	for seed := range uint64(1000) {
		p := draw(seed, 0)
		if !p.strict {
			continue
		}
		for _, r := range p.rounds {
			for _, c := range r.ceremonies {
				for _, f := range c.faults {
					require.True(t, !f.kind.breaks() || f.kind.fatal() || f.kind == lateKill, "%s:\n%s", f, p)
				}
			}
		}
	}
}

func TestCulpritsDependOnTheFault(t *testing.T) {
	c := ceremony{steps: 2, nodes: make([]script, 4)}
	s := &scene{actors: make([]*actor, 4)}
	harmless := fault{kind: cut, who: []int{0}, others: []int{1}}
	left := fault{kind: leave, node: 3, step: 1, who: []int{3}}
	apart := fault{kind: cutForGood, step: 2, who: []int{0}, others: []int{1}}
	split := fault{kind: freezeForGood, step: 1, who: []int{0, 1}, others: []int{2, 3}}

	require.Empty(t, s.culprits(harmless, 2))
	require.Equal(t, []int{3}, s.culprits(left, 0))
	require.Equal(t, []int{0, 1}, s.culprits(apart, 2))
	require.Equal(t, []int{2, 3}, s.culprits(split, 0))
	require.Equal(t, []int{0, 1}, s.culprits(split, 3))

	c.faults = []fault{harmless}
	require.Equal(t, completes, c.expected())
	c.faults = []fault{harmless, apart}
	require.Equal(t, fails, c.expected())
	require.True(t, c.spares(2))
	require.False(t, c.spares(0))
	c.faults = []fault{left, apart}
	require.False(t, c.spares(2))
}
