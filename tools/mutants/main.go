// Command mutants breaks the rules of package roster, one at a time, and checks
// whether the tests notice.
//
// It applies each mutant in mutants.txt to a copy of the code. Only the tests of that
// mutant see the copy. A test suite catches a mutant by failing. The suites are the
// roster's transcripts, its other tests and the checker's small configurations. With
// -all, the command tries all suites; otherwise it stops at the first one that fails.
// If no suite catches a mutant, the rule has no test or is not needed.
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

//go:embed mutants.txt
var list string

const (
	rules   = "syncmod/internal/roster"
	workers = 2
)

// suites lists the test suites that may catch a mutant.
var suites = []struct {
	name string
	args []string
}{
	{"transcripts", []string{"-run", "Transcripts", "./" + rules}},
	{"tests", []string{"-skip", "Transcripts", "./" + rules, "-rapid.nofailfile", "-rapid.shrinktime=1s"}},
	{"checker", []string{"-run", "TestSmallConfigurations", "./" + rules + "/check"}},
}

func main() {
	only := flag.String("only", "", "try only the mutants whose sentence contains this text")
	all := flag.Bool("all", false, "look for every suite that catches a mutant, not only for the first")
	flag.Parse()
	mutants, err := parse(list)
	if err != nil {
		fail(err)
	}
	var chosen []mutant
	for _, m := range mutants {
		if strings.Contains(m.sentence, *only) {
			chosen = append(chosen, m)
		}
	}
	left, err := tryAll(chosen, *all)
	if err != nil {
		fail(err)
	}
	fmt.Printf("%d of %d mutants are caught\n", len(chosen)-left, len(chosen))
	if left > 0 {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

// tryAll tries mutants, several at a time, and returns how many were not caught. If byAll
// is set, it tries all suites with each mutant; otherwise it stops at the first suite
// that catches the mutant.
func tryAll(mutants []mutant, byAll bool) (left int, err error) {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, fmt.Errorf("making a directory for the copies: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var (
		mu      sync.Mutex
		working sync.WaitGroup
	)
	next := make(chan int)
	for range workers {
		working.Go(func() {
			for k := range next {
				by, failure := mutants[k].try(filepath.Join(dir, fmt.Sprint(k)), byAll)
				mu.Lock()
				switch {
				case failure != nil:
					err = failure
				case len(by) == 0:
					left++
					fmt.Printf("NOT CAUGHT  %s\n", mutants[k].sentence)
				default:
					fmt.Printf("caught      %s (%s)\n", mutants[k].sentence, strings.Join(by, ", "))
				}
				mu.Unlock()
			}
		})
	}
	for k := range mutants {
		next <- k
	}
	close(next)
	working.Wait()
	return left, err
}

// try runs the tests with a mutant and returns the suites that catch it. Unless byAll is
// set, it stops after the first.
func (m *mutant) try(dir string, byAll bool) (by []string, err error) {
	overlay, err := m.apply(dir)
	if err != nil {
		return nil, err
	}
	for _, suite := range suites {
		if len(by) > 0 && !byAll {
			break
		}
		args := append([]string{"test", "-count=1", "-failfast", "-timeout=10m", "-overlay", overlay}, suite.args...)
		out, err := exec.Command("go", args...).CombinedOutput()
		switch {
		case err == nil:
		case strings.Contains(string(out), "[build failed]"):
			return nil, fmt.Errorf("%s\n%s", m.sentence, out)
		default:
			by = append(by, suite.name)
		}
	}
	return by, nil
}

// apply writes a copy of the file with the mutant in it. It also writes the overlay that
// makes the go command use the copy in place of the original.
func (m *mutant) apply(dir string) (overlay string, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a directory for a copy: %w", err)
	}
	original := filepath.Join(rules, m.file)
	source, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("reading the rules: %w", err)
	}
	mutated, err := m.mutate(string(source))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, m.file)
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
	if err != nil {
		return "", fmt.Errorf("writing the overlay: %w", err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	for name, content := range map[string][]byte{copied: []byte(mutated), overlay: text} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return "", fmt.Errorf("writing a copy: %w", err)
		}
	}
	return overlay, nil
}
