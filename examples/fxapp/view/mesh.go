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
	apart := make(map[int]bool)
	for _, pair := range c.Broken {
		apart[pair.A] = apart[pair.A] || pair.B == row
		apart[pair.B] = apart[pair.B] || pair.A == row
	}
	signs := make([]string, 0, len(c.Members))
	for column, sign := range c.Members[row].Links {
		paint := good
		switch {
		case apart[column]:
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

// meshBelow says which pairs are broken, and who reaches whom if that is not in the table.
func (s *screen) meshBelow(c *statuspage.Detail, t table, sh shape) []string {
	const most = 3
	if isOver(c) || sh.members < most {
		return nil
	}
	lines := s.brokenLines(c, most)
	if !t.mesh && sh.hasRoomForMesh(c) {
		lines = append(append(lines, ""), meshLines(c)...)
	}
	return lines
}

// isOver reports whether a ceremony is: all leave, and who reaches whom tells nothing.
func isOver(c *statuspage.Detail) bool { return c.Phase == "complete" || c.Phase == "failed" }

func (sh shape) hasRoomForMesh(c *statuspage.Detail) bool {
	const small = 16
	return sh.mesh > 0 && len(c.Members) <= small
}

// brokenLines lists the pairs that cannot reach each other, at most so many.
func (s *screen) brokenLines(c *statuspage.Detail, most int) (lines []string) {
	if len(c.Broken) == most+1 {
		most++ // "and 1 more" takes a line as well
	}
	for _, pair := range c.Broken[:min(most, len(c.Broken))] {
		text := fmt.Sprintf("%d-%d  %s", pair.A, pair.B, clean(pair.Text))
		lines = append(lines, bad.paint(fit(text, s.width)))
	}
	if more := len(c.Broken) - most; more > 0 {
		lines = append(lines, bad.paint(fmt.Sprintf("and %d more pairs", more)))
	}
	return lines
}

// meshLines is the mesh by itself.
func meshLines(c *statuspage.Detail) []string {
	if c.Members[c.Self].Links == "" {
		return []string{"There are too many members to show who reaches whom."}
	}
	col := meshColumn(c)
	col.measure()
	lines := []string{faint.paint("    " + col.title)}
	for i := range c.Members {
		lines = append(lines, fmt.Sprintf("%3d %s  %s", i, col.ink(i, col.width, ""), clean(c.Members[i].Name)))
	}
	return lines
}

// legend explains those signs that are on the first screen, in a line or two.
func (s *screen) legend(c *statuspage.Detail, t table, sh shape) []string {
	if sh.members == 0 {
		return nil
	}
	var members, links strings.Builder
	for _, m := range c.Members {
		sign, _ := s.sign(c, m)
		members.WriteString(sign)
		if t.mesh || !isOver(c) && sh.hasRoomForMesh(c) {
			links.WriteString(m.Links)
		}
	}
	var lines []string
	add := func(separator, text string) {
		if n := len(lines); n > 0 && width(lines[n-1]+separator+text) <= s.width {
			lines[n-1] += separator + text
		} else {
			lines = append(lines, text)
		}
	}
	for _, of := range []struct {
		name, shown string
		signs       []meaning
	}{{"members: ", members.String(), memberSigns}, {"links: ", links.String(), linkSigns}} {
		name, separator := of.name, "   "
		for _, m := range of.signs {
			if strings.Contains(of.shown, m.sign) {
				add(separator, name+m.sign+" "+m.means)
				name, separator = "", "  "
			}
		}
	}
	const most = 2
	lines = lines[:min(most, len(lines))]
	for i := range lines {
		lines[i] = faint.paint(lines[i])
	}
	return lines
}

// meaning is what a sign stands for.
type meaning struct{ sign, means string }

var memberSigns = []meaning{
	{">", "waited for"}, {"!", "something is wrong"}, {"x", "caused or reported the failure"},
}

var linkSigns = []meaning{
	{"=", "both ways"},
	{"~", "by relay"},
	{">", "only to it"},
	{"<", "only from it"},
	{"!", "not connected"},
	{"g", "said goodbye"},
	{"?", "has not said"},
	{"-", "itself"},
}

// meshLegend explains the signs of the mesh.
var meshLegend = []string{
	"A row is how that member sees each of the others:",
	"=  connected both ways        ~  the same, through a relay",
	">  only it reaches the other  <  only the other reaches it",
	"!  not connected              g  it has said goodbye",
	"?  it has not said            -  itself",
	"A pair that cannot reach each other is shown inverted.",
}
