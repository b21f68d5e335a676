package soak

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var laps = flag.Int("laps", 50, "how often four nodes run one definition")

// plainLoops is how many clusters of loops a plain go test plays.
const plainLoops = 2

func TestLoopsFailOnlyAsPlanned(t *testing.T) {
	if testing.Short() || given()["seed"] || given()["duration"] || given()["clusters"] {
		t.Skip("it takes a while, and the soak draws such clusters itself")
	}
	seed, began, seen := uint64(plainSeed), time.Now(), newTally()
	baseline := warmUp(t)
	for range plainLoops {
		seen.clusters++
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playLoops(t, drawLoops(seed, 0, 0), seen) })
		if err := baseline.left(); err != nil {
			t.Errorf("cluster %d has left something behind: %v", seed, err)
		}
		seed = next(seed)
	}
	t.Log(seen.line(plainSeed, time.Since(began)))
}

// With the flag --laps 200 it runs as often as the name says, which takes minutes.
func TestFourNodesRun200Times(t *testing.T) {
	seed := uint64(plainSeed)
	switch {
	case testing.Short():
		t.Skip("it takes up to a minute")
	case !given()["laps"] && (given()["seed"] || given()["duration"] || given()["clusters"]):
		t.Skip("only the soak should run")
	case given()["seed"]:
		seed = *seeded
	}
	seen, began := newTally(), time.Now()
	seen.clusters++
	playLoops(t, drawLoops(seed, 4, *laps), seen)
	t.Log(seen.line(seed, time.Since(began)))
}

func TestASeedGivesTheSameLoops(t *testing.T) {
	for seed := range uint64(100) {
		require.Empty(t, cmp.Diff(drawLoops(seed, 0, 0).String(), drawLoops(seed, 0, 0).String()))
	}
	require.NotEqual(t, drawLoops(1, 0, 0).String(), drawLoops(2, 0, 0).String())
}

func TestEveryKindOfEndingIsDrawn(t *testing.T) {
	endings := make(map[string]int)
	breaks := make(map[kind]int)
	steps := make(map[int]int)
	looping, beside := 0, 0
	for seed := range uint64(1000) {
		if isLoops(seed) {
			looping++
		}
		p := drawLoops(seed, 0, 0)
		if p.beside != nil {
			beside++
		}
		for _, l := range p.laps {
			steps[l.steps]++
			for _, f := range l.breaks {
				breaks[f.kind]++
			}
			if e := l.ending; e != nil {
				endings[fmt.Sprintf("%s, frozen: %t, before step 1: %t", e.kind, e.frozen > 0, e.step == 0)]++
			}
		}
	}

	t.Log(endings, breaks, steps, looping, beside)
	require.Len(t, endings, 11) // abort and leave in 4 ways, restart in 2, hurry in 1
	require.Len(t, breaks, 4)
	require.Len(t, steps, 4)
	require.NotZero(t, looping)
	require.Less(t, beside, 1000)
}
