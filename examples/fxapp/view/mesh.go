package view

import (
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// roomy is the largest number of members with which the mesh has spaces between its signs.
const roomy = 12

// meshColumn shows the mesh as a column of the table. A row shows how that member sees
// each of the others.
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

// meshTitle returns the numbers of the mesh's columns.
func meshTitle(members int, between string) string {
	digits := make([]string, members)
	for i := range digits {
		digits[i] = fmt.Sprint(i % 10)
	}
	return strings.Join(digits, between)
}

// paintLinks paints the row of a member. Broken pairs stand out.
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

// meshBelow shows the mesh below the table, unless the table has it.
func (s *screen) meshBelow(c *statuspage.Detail, t table, sh shape) []string {
	if isOver(c) || t.mesh || !sh.hasRoomForMesh(c) {
		return nil
	}
	return append([]string{""}, meshLines(c)...)
}

// isOver reports whether a ceremony is over. All members leave then, so the mesh says
// nothing.
func isOver(c *statuspage.Detail) bool { return c.Phase == "complete" || c.Phase == "failed" }

func (sh shape) hasRoomForMesh(c *statuspage.Detail) bool {
	const small = 16
	return sh.mesh > 0 && len(c.Members) <= small
}

// brokenLines lists the pairs that cannot reach each other.
func brokenLines(c *statuspage.Detail) (lines []string) {
	for _, pair := range c.Broken {
		text := fmt.Sprintf("%s (for %s)", clean(pair.Text), brief(c.At.Sub(pair.Since)))
		lines = append(lines, bad.paint(text))
	}
	return lines
}

// meshLines returns the mesh without the table.
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

// legend explains the signs that are on the first screen, in a line or two.
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
				name, separator = "", " · "
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

// meaning is a sign and its meaning.
type meaning struct{ sign, means string }

var memberSigns = []meaning{
	{">", "waited for"}, {"!", "something is wrong"}, {"x", "named as a cause"},
}

var linkSigns = []meaning{
	{"=", "both ways"},
	{"~", "by relay"},
	{">", "only row reaches column"},
	{"<", "only column reaches row"},
	{"!", "not connected"},
	{"g", "said goodbye"},
	{"?", "not reported"},
}

// meshLegend explains the signs of the mesh.
var meshLegend = []string{
	"A row is how that member sees each of the others:",
	"=  connected both ways        ~  the same, through a relay",
	">  only row reaches column    <  only column reaches row",
	"!  not connected              g  it has said goodbye",
	"?  not reported               -  itself",
	"A pair that cannot reach each other is shown inverted.",
}
