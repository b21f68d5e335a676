package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Some measurements need a test around them. The simulated network runs in virtual time,
// which only testing/synctest provides, and the cost of a heartbeat is measured inside
// another package.
const (
	steadyPackage  = "github.com/dkgsync/dkgsync/syncmod/internal/stream"
	virtualPackage = "github.com/dkgsync/dkgsync/integration/bench"
)

// measureVirtual measures barriers over simulated links, in virtual time.
func (b *bench) measureVirtual() error {
	return goTest(func(s string) {
		if l, ok := parseLine(s); ok && l.name == "wan" {
			b.print(l)
		}
	}, "-run", "^TestBarrierOverSlowLinks$", "-v", "-timeout", "10m", virtualPackage, "-members", "10,50")
}

// measureSteady measures one heartbeat on each of its two sides, without libp2p.
func (b *bench) measureSteady() error {
	return goTest(func(s string) {
		side, found := strings.CutPrefix(s, "BenchmarkSteady")
		fields := strings.Fields(side)
		if !found || len(fields) < 8 {
			return
		}
		side, _, _ = strings.Cut(strings.ToLower(fields[0]), "-")
		ns, _ := strconv.ParseFloat(fields[2], 64)
		b.print(newLine("steady").with("side", side).with("took", time.Duration(ns)).
			with("bytes", fields[4]).with("allocs", fields[6]))
	}, "-run", "^$", "-bench", "^BenchmarkSteady", "-benchmem", "-benchtime", "200000x", steadyPackage)
}

// goTest runs go test without the race detector and without its cache. It passes each
// line of the output to heard.
func goTest(heard func(string), args ...string) error {
	cmd := exec.Command("go", append([]string{"test", "-count=1"}, args...)...) //nolint:gosec // fixed arguments
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		heard(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w:\n%s", strings.Join(cmd.Args, " "), err, strings.Join(said, "\n"))
	}
	return nil
}
