package main

import (
	"fmt"
	"strings"
)

// mutant is a change of the code that drops or inverts a rule.
type mutant struct {
	sentence      string   // what the changed roster does
	file          string   // the file in the package
	before, after []string // lines without indentation
}

// parse reads the list of mutants. Each paragraph has a sentence, a file, the lines
// before the change and the lines after it. Lines that begin with # are comments.
func parse(list string) ([]mutant, error) {
	var mutants []mutant
	for paragraph := range strings.SplitSeq(list, "\n\n") {
		var lines []string
		for line := range strings.Lines(paragraph) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue
		}
		if len(lines) < 4 {
			return nil, fmt.Errorf("not a mutant: %q", paragraph)
		}
		m := mutant{sentence: lines[0], file: lines[1]}
		for _, line := range lines[2:] {
			side, text, _ := strings.Cut(line, " ")
			switch side {
			case "-":
				m.before = append(m.before, text)
			case "+":
				m.after = append(m.after, text)
			default:
				return nil, fmt.Errorf(`%s: a line of the change must begin with "- " or "+ ": %q`, m.sentence, line)
			}
		}
		mutants = append(mutants, m)
	}
	return mutants, nil
}

// mutate replaces the lines in a file's source. The source must contain them exactly
// once.
func (m *mutant) mutate(source string) (string, error) {
	lines := strings.Split(source, "\n")
	at := -1
	for k := range lines {
		if !m.standsAt(lines[k:]) {
			continue
		}
		if at >= 0 {
			return "", fmt.Errorf("%s: its lines appear more than once in %s", m.sentence, m.file)
		}
		at = k
	}
	if at < 0 {
		return "", fmt.Errorf("%s: its lines are no longer in %s", m.sentence, m.file)
	}
	mutated := append([]string(nil), lines[:at]...)
	mutated = append(mutated, m.after...)
	mutated = append(mutated, lines[at+len(m.before):]...)
	return strings.Join(mutated, "\n"), nil
}

func (m *mutant) standsAt(lines []string) bool {
	if len(lines) < len(m.before) {
		return false
	}
	for k, line := range m.before {
		if strings.TrimSpace(lines[k]) != line {
			return false
		}
	}
	return true
}
