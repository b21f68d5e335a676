package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryMeasurementIsALine(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out, rounds: 3, window: 10 * time.Millisecond, many: []int{2}, churn: 10 * time.Millisecond}

	err := b.measure([]int{3}, set("connect,latency,processor,memory,many,churn"))

	require.NoError(t, err)
	var names []string
	for printed := range strings.Lines(out.String()) {
		l, ok := parseLine(printed)
		require.True(t, ok, printed)
		names = append(names, l.name)
	}
	want := []string{
		"machine", "connect", "barrier", "tail", "cost", "straggler", "idle", "waiting", "memory",
		"many", "churn",
	}
	require.Equal(t, want, names)
}

func TestAPrintedLineIsReadBack(t *testing.T) {
	printed := newLine("barrier").with("n", 4).with("p50", 212_300*time.Nanosecond).
		with("ratio", number(1.204)).with("cpu", percent(0.5))

	read, ok := parseLine(printed.String())

	require.True(t, ok)
	require.Equal(t, "barrier n=4 p50=212µs ratio=1.20 cpu=0.50%", printed.String())
	require.Equal(t, printed, read)
	require.Equal(t, 212*time.Microsecond, read.duration("p50"))
}

func TestAPercentileIsAMeasurement(t *testing.T) {
	measured := make([]time.Duration, 200)
	for i := range measured {
		measured[len(measured)-1-i] = time.Duration(i + 1)
	}

	require.Equal(t, time.Duration(100), percentile(measured, 50))
	require.Equal(t, time.Duration(198), percentile(measured, 99))
	require.Equal(t, time.Duration(7), percentile([]time.Duration{7}, 99))
	require.Zero(t, percentile(nil, 50))
}

func TestOneLateRoundMovesNoFloor(t *testing.T) {
	var took []time.Duration
	for i := range 80 {
		took = append(took, 100)
		if i >= 60 {
			took[i] = 200
		}
	}
	took[3] = 10_000 // one late round does not count

	require.InDelta(t, 2, float64(moved(took)), 0.001)
	require.InDelta(t, 1, float64(moved(took[:60])), 0.001)
	require.InDelta(t, 1, float64(moved(took[:1])), 0.001)
}

func TestABusyMachineIsMeasuredAgain(t *testing.T) {
	for name, c := range map[string]struct {
		moves []number
		made  int
	}{
		"calm":       {[]number{1.1}, 1},
		"busy":       {[]number{3, 1.2}, 2},
		"stays busy": {[]number{3, 3, 3}, attempts},
	} {
		t.Run(name, func(t *testing.T) {
			b, made := &bench{rounds: blockRounds}, 0

			err := b.trusted("nothing", 2, func() (number, error) {
				made++
				return c.moves[made-1], nil
			})

			require.NoError(t, err)
			require.Equal(t, c.made, made)
		})
	}
}

func TestASquareHasTheExponentTwo(t *testing.T) {
	var barriers []line
	for _, n := range []int{2, 4, 10, 32} {
		barriers = append(barriers, newLine("barrier").with("n", n).with("p50", time.Duration(n*n)*10*time.Microsecond))
	}

	exponent, err := power(barriers)

	require.NoError(t, err)
	require.InDelta(t, 2, exponent, 0.01)
}

func TestOnlyMarkedSectionsChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	const (
		old   = "\nold\n"
		table = "\n\n| n | over it |\n|---|---|\n| 10 | 7.00 µs |\n\n"
	)
	page := func(wan string) string {
		return "before\n<!-- bench:wan -->" + wan + "<!-- /bench -->\nbetween\n" +
			"<!-- bench:idle -->\nkept\n<!-- /bench -->\n"
	}
	require.NoError(t, os.WriteFile(file, []byte(page(old)), 0o600))

	err := writeTables(file, []line{newLine("wan").with("n", 10).with("over_it", 7*time.Microsecond)})

	require.NoError(t, err)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, page(table), string(written))
}

func TestTheChartDrawsWhatItHas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "barrier.svg")

	err := drawLatencies(file, []line{
		newLine("barrier").with("n", 2).with("p50", 150*time.Microsecond).with("floor", 100*time.Microsecond),
		newLine("barrier").with("n", 10).with("p50", 1500*time.Microsecond).with("floor", time.Millisecond),
	})

	require.NoError(t, err)
	drawn, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(drawn), "barrier, p50")
	require.NotContains(t, string(drawn), "straggler")
}
