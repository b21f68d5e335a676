package view

import (
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// roomy is up to how many members the mesh has room between its signs.
const roomy = 12

// meshColumn is who reaches whom, as a column of the table: a row says how that member
// sees each.
func meshColumn(c *statuspage.Detail) *column {
	between := " "
	if len(c.Members) > roomy {
		between = ""
	}
	col := &column{title: meshTitle(len(c.Members), between), keep: keepMesh}
	for _, m := range c.Members {
		col.cells = append(col.cells, strings.Join(strings.Split(m.Links, ""), between))
	}
	col.ink = func(row, w int, _ string) string { return paintLinks(c, row, between) + fill(c, row, between, w) }
	return col
}

func fill(c *statuspage.Detail, row int, between string, w int) string {
	return strings.Repeat(" ", max(0, w-len(c.Members[row].Links)*(1+len(between))+len(between)))
}

// meshTitle numbers the columns of the mesh.
func meshTitle(members int, between string) string {
	digits := make([]string, members)
	for i := range digits {
		digits[i] = fmt.Sprint(i % 10)
	}
	return strings.Join(digits, between)
}

// paintLinks paints how a member sees each; broken pairs stand out.
func paintLinks(c *statuspage.Detail, row int, between string) string {
	signs := make([]string, 0, len(c.Members))
	for column, sign := range c.Members[row].Links {
		paint := good
		switch {
		case isBroken(c, row, column):
			paint = broken
		case strings.ContainsRune("!<>", sign):
			paint = bad
		case strings.ContainsRune("-?g", sign):
			paint = faint
		}
		signs = append(signs, paint.paint(string(sign)))
	}
	return strings.Join(signs, between)
}

func isBroken(c *statuspage.Detail, a, b int) bool {
	for _, pair := range c.Broken {
		if pair.A == min(a, b) && pair.B == max(a, b) {
			return true
		}
	}
	return false
}

// meshBelow says which pairs are broken, and who reaches whom if that is not in the table.
func (s *screen) meshBelow(c *statuspage.Detail, t table, sh shape) []string {
	var lines []string
	const most = 3
	for i, pair := range c.Broken {
		if sh.members < most {
			break // the answers say so
		}
		if i == most {
			lines = append(lines, bad.paint(fmt.Sprintf("and %d more pairs", len(c.Broken)-most)))
			break
		}
		lines = append(lines, bad.paint(fit(fmt.Sprintf("%d-%d  %s", pair.A, pair.B, clean(pair.Text)), s.width)))
	}
	const small = 16
	isOver := c.Phase == "complete" || c.Phase == "failed"
	if !t.mesh && !isOver && sh.mesh > 0 && len(c.Members) <= small {
		lines = append(lines, "")
		lines = append(lines, meshLines(c)...)
	}
	return lines
}

// meshLines is the mesh by itself.
func meshLines(c *statuspage.Detail) []string {
	col := meshColumn(c)
	lines := []string{faint.paint("    " + col.title)}
	for i := range c.Members {
		lines = append(lines, fmt.Sprintf("%3d %s  %s", i, col.ink(i, col.width(), ""), clean(c.Members[i].Name)))
	}
	return lines
}

// legend explains the signs of the mesh.
var legend = []string{
	"A row is how that member sees each of the others:",
	"=  connected both ways        ~  the same, through a relay",
	">  only it reaches the other  <  only the other reaches it",
	"!  not connected              g  not any more, after the goodbye",
	"?  it does not say            -  itself",
	"A pair that cannot reach each other is shown inverted.",
}
