package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// section matches the text between <!-- bench:name --> and <!-- /bench -->.
var section = regexp.MustCompile(`(?s)(<!-- bench:([a-z]+) -->\n).*?(<!-- /bench -->)`)

// writeTables writes the measurements into the marked sections of a file. A section
// without measurements stays as it is.
func writeTables(file string, lines []line) error {
	text, err := os.ReadFile(file) //nolint:gosec // the user's own file
	if err != nil {
		return err
	}
	filled := section.ReplaceAllStringFunc(string(text), func(old string) string {
		parts := section.FindStringSubmatch(old)
		rows := named(lines, parts[2])
		if len(rows) == 0 {
			return old
		}
		return parts[1] + "\n" + table(rows) + "\n" + parts[3]
	})
	return os.WriteFile(file, []byte(filled), 0o644) //nolint:gosec // a document, for everyone to read
}

// table returns a table of lines that have the same keys.
func table(rows []line) string {
	var b strings.Builder
	keys := rows[0].keys
	fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(keys, " | "), "_", " "))
	b.WriteString("|" + strings.Repeat("---|", len(keys)) + "\n")
	for _, row := range rows {
		for _, key := range keys {
			b.WriteString("| " + shown(row.text[key]) + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

var unit = regexp.MustCompile(`^(-?[0-9.]+)(ns|µs|ms|s|KiB|%)$`)

// shown returns a value in the form that a table shows.
func shown(value string) string {
	return strings.ReplaceAll(unit.ReplaceAllString(value, "$1 $2"), "_", " ")
}
