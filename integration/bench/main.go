package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"
)

// groups are the groups of measurements that -only names.
const groups = "connect,latency,processor,memory,many,churn,steady,wan"

// bench is one run of the program.
type bench struct {
	out     io.Writer
	rounds  int
	window  time.Duration
	churn   time.Duration
	many    []int // how many ceremonies at the same time
	without map[string]bool
	lines   []line
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	sizes := flag.String("n", "2,4,10,32,64", "how many members, for each ceremony")
	only := flag.String("only", groups, "what to measure")
	without := flag.String("without", "", "what to leave out of the latencies, for profiles: barrier, floor, straggler")
	rounds := flag.Int("rounds", 200, "how many rounds of each kind")
	window := flag.Duration("window", 10*time.Second, "how long processor time is measured")
	many := flag.String("many", "10,100,1000", "how many ceremonies at the same time")
	churn := flag.Duration("churn", time.Minute, "how long ceremonies are opened and closed one after the other")
	from := flag.String("from", "", "do not measure: read the lines of an earlier run from this `file`")
	markdown := flag.String("markdown", "", "write the tables into the marked sections of this `file`")
	chart := flag.String("chart", "", "draw the latencies into this SVG `file`")
	cpuProfile := flag.String("cpuprofile", "", "write a processor profile to this `file`")
	memProfile := flag.String("memprofile", "", "write a profile of allocations to this `file`")
	flag.Parse()

	b := &bench{out: os.Stdout, rounds: *rounds, window: *window, churn: *churn, without: set(*without)}
	var err error
	if b.many, err = numbers(*many); err != nil {
		return err
	}
	if *from != "" {
		err = b.read(*from)
	} else {
		var counts []int
		if counts, err = numbers(*sizes); err == nil {
			err = profiled(*cpuProfile, *memProfile, func() error { return b.measure(counts, set(*only)) })
		}
	}
	if err != nil {
		return err
	}
	if *markdown != "" {
		if err := writeTables(*markdown, b.lines); err != nil {
			return err
		}
	}
	if *chart != "" {
		return drawLatencies(*chart, b.lines)
	}
	return nil
}

// measure makes the measurements that the flags ask for.
func (b *bench) measure(sizes []int, wanted map[string]bool) error {
	b.print(machine())
	for _, n := range sizes {
		if err := b.measureSize(n, wanted); err != nil {
			return fmt.Errorf("%d members: %w", n, err)
		}
	}
	if wanted["latency"] {
		if lines, err := growthLines(b.lines); err == nil { // otherwise too little was measured
			for _, l := range lines {
				b.print(l)
			}
		}
	}
	if wanted["many"] {
		for _, ceremonies := range b.many {
			if err := b.measureMany(ceremonies); err != nil {
				return fmt.Errorf("%d ceremonies at the same time: %w", ceremonies, err)
			}
		}
	}
	if wanted["churn"] {
		if err := b.measureChurn(b.churn); err != nil {
			return err
		}
	}
	if wanted["steady"] {
		if err := b.measureSteady(); err != nil {
			return err
		}
	}
	if wanted["wan"] {
		return b.measureVirtual()
	}
	return nil
}

// measureSize makes the measurements for one number of members.
func (b *bench) measureSize(n int, wanted map[string]bool) (err error) {
	if wanted["connect"] {
		if err := b.measureConnect(n); err != nil {
			return err
		}
	}
	if !wanted["latency"] && !wanted["processor"] && !wanted["memory"] {
		return nil
	}
	c, err := newCluster(n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := errors.Join(c.start(), c.open("latency")); err != nil {
		return err
	}
	m, err := openMesh(c.nodes)
	if err != nil {
		return err
	}
	if wanted["latency"] {
		err = b.measureLatency(c, m)
	}
	if err == nil && wanted["processor"] {
		err = b.measureProcessor(c, m)
	}
	m.close()
	if err != nil || !wanted["memory"] {
		return err
	}
	if err := c.stop(); err != nil {
		return err
	}
	return b.measureMemory(c)
}

// print prints a line, and keeps it for the tables.
func (b *bench) print(l line) {
	b.lines = append(b.lines, l)
	_, _ = fmt.Fprintln(b.out, l)
}

// read reads the lines of an earlier run.
func (b *bench) read(file string) error {
	f, err := os.Open(file) //nolint:gosec // the user's own file
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if l, ok := parseLine(lines.Text()); ok {
			b.lines = append(b.lines, l)
		}
	}
	return lines.Err()
}

// machine returns a line that says where the measurements were made.
func machine() line {
	model := "unknown"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for s := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(s, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return newLine("machine").with("processor", model).with("cores", runtime.GOMAXPROCS(0)).
		with("system", runtime.GOOS+"/"+runtime.GOARCH).with("go", runtime.Version())
}

// profiled calls work and writes the profiles that the flags ask for.
func profiled(cpu, mem string, work func() error) error {
	if cpu != "" {
		f, err := os.Create(cpu) //nolint:gosec // the user's own file
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = f.Close()
		}()
	}
	if err := work(); err != nil || mem == "" {
		return err
	}
	f, err := os.Create(mem) //nolint:gosec // the user's own file
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

func set(list string) map[string]bool {
	in := make(map[string]bool)
	for s := range strings.SplitSeq(list, ",") {
		in[s] = true
	}
	return in
}

func numbers(list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			return nil, fmt.Errorf("%q is not a number of members or ceremonies", s)
		}
		out = append(out, n)
	}
	return out, nil
}
