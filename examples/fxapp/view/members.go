package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

const (
	gutter     = 2  // columns before a member, for its sign
	least      = 24 // the column that says what is wrong keeps at least this width
	widestName = 22
)

// column is a column of the table of members.
type column struct {
	title string
	cells []string
	keep  int // the column with the lowest number is left out first
	right bool
	ink   func(row, width int, cell string) string // nil: unchanged
	width int
}

// measure sets the width of a column.
func (c *column) measure() {
	c.width = width(c.title)
	for _, cell := range c.cells {
		c.width = max(c.width, width(cell))
	}
}

// isEmpty reports whether a column says nothing about any member.
func (c *column) isEmpty() bool {
	return !slices.ContainsFunc(c.cells, func(cell string) bool { return cell != "" && cell != unknown })
}

// table is the table of members.
type table struct {
	head     string
	rows     []string
	order    []int // rows in the order of their importance
	troubled int   // how many of them have a problem
	at       int   // the chosen row; -1: none
	mesh     bool  // the mesh is one of the columns
}

// table lays out the members. It leaves out columns until the rest fits.
func (s *screen) table(c *statuspage.Detail) table {
	columns := s.columns(c)
	for _, col := range columns {
		col.measure()
	}
	wrong := columns[len(columns)-1]
	total := func() int {
		sum := gutter + min(max(least, width(wrong.title)), wrong.width)
		for _, col := range columns[:len(columns)-1] {
			sum += col.width + 2
		}
		return sum
	}
	columns = slices.DeleteFunc(columns, func(col *column) bool { return col != wrong && col.isEmpty() })
	for total() > s.width && len(columns) > 2 {
		lowest := 0
		for i, col := range columns[:len(columns)-1] {
			if col.keep < columns[lowest].keep {
				lowest = i
			}
		}
		columns = append(columns[:lowest:lowest], columns[lowest+1:]...)
	}
	t := table{order: matters(c), at: -1}
	for _, m := range c.Members {
		if m.Waiting || m.Trouble {
			t.troubled++
		}
	}
	if s.moved {
		t.at = s.selected
	}
	for _, col := range columns {
		t.mesh = t.mesh || col.keep == keepMesh
	}
	t.head = strings.Repeat(" ", gutter)
	for i, col := range columns {
		t.head += faint.paint(cell(col, col.title, i == len(columns)-1))
		if i < len(columns)-1 {
			t.head += "  "
		}
	}
	for row := range c.Members {
		t.rows = append(t.rows, s.row(c, columns, row))
	}
	return t
}

func (s *screen) row(c *statuspage.Detail, columns []*column, row int) string {
	sign, paint := s.sign(c, c.Members[row])
	var line strings.Builder
	line.WriteString(paint.paint(pad(sign, gutter)))
	for i, col := range columns {
		text := cell(col, col.cells[row], i == len(columns)-1)
		switch {
		case s.moved && s.selected == row && i == 0:
			text = chosen.paint(text)
		case col.ink != nil:
			text = col.ink(row, col.width, col.cells[row])
		case i == 0 || i == len(columns)-1:
			text = paint.paint(text)
		}
		line.WriteString(text)
		if i < len(columns)-1 {
			line.WriteString("  ")
		}
	}
	return line.String()
}

// cell pads a text to the width of its column. The last column needs no padding.
func cell(col *column, text string, last bool) string {
	switch {
	case last:
		return text
	case col.right:
		return strings.Repeat(" ", max(0, col.width-width(text))) + text
	}
	return pad(text, col.width)
}

// sign returns the sign that marks a member, and its colour. It is empty for a member
// without a problem.
func (s *screen) sign(c *statuspage.Detail, m statuspage.Member) (string, ink) {
	switch {
	case m.Trouble && c.Phase == "failed":
		return "x", bad
	case m.Trouble && (m.Waiting || c.Phase != "complete"):
		return "!", bad
	case m.Waiting:
		return ">", waiting
	}
	return "", plain
}

// matters orders the members by importance. Those that the node waits for come first.
func matters(c *statuspage.Detail) (order []int) {
	is := []func(statuspage.Member) bool{
		func(m statuspage.Member) bool { return m.Waiting || m.Trouble && c.Phase == "failed" },
		func(m statuspage.Member) bool { return m.Trouble },
		func(statuspage.Member) bool { return true },
	}
	taken := make(map[int]bool)
	for _, want := range is {
		for i, m := range c.Members {
			if !taken[i] && want(m) {
				taken[i] = true
				order = append(order, i)
			}
		}
	}
	return order
}

// lines returns the heading and as many members as there is room for. If not all fit,
// it shows the members around the chosen one, or the most important ones if none is
// chosen.
func (t table) lines(room int) []string {
	lines := []string{t.head}
	switch {
	case room >= len(t.rows):
		return append(lines, t.rows...)
	case t.at >= 0:
		return append(lines, t.around(room)...)
	}
	for i, row := range t.order {
		if left := len(t.rows) - i; len(lines) == room && left > 1 && room > 1 {
			return append(lines, faint.paint(fmt.Sprintf("  and %d other members", left)))
		}
		if len(lines) > room {
			break
		}
		lines = append(lines, t.rows[row])
	}
	return lines
}

// around returns the rows around the chosen one. The most important row is among them,
// except when there is room for only one row.
func (t table) around(room int) []string {
	first, most := t.first(room), t.order[0]
	if room == 1 || first <= most && most < first+room {
		return t.rows[first : first+room]
	}
	room--
	first = t.first(room)
	rows := t.rows[first : first+room]
	if most < first {
		return append([]string{t.rows[most]}, rows...)
	}
	return append(slices.Clone(rows), t.rows[most])
}

// first returns the first of the rows around the chosen one.
func (t table) first(room int) int { return max(0, min(t.at-room/2, len(t.rows)-room)) }

// The order in which columns are left out. keepReconnects goes first.
const (
	keepReconnects = iota
	keepVersion
	keepClock
	keepRTT
	keepHeard
	keepMesh
	keepReached
	keepPath
	keepStep
	keepName
)

// columns returns all columns that may be shown. The last one says what is wrong.
func (s *screen) columns(c *statuspage.Detail) []*column {
	names := &column{title: "operator", keep: keepName}
	// The path is right after the name: a name may run from right to left, a path always runs from left to right.
	path := &column{title: "path", keep: keepPath}
	step := &column{title: "step", keep: keepStep}
	version := &column{title: "version", keep: keepVersion}
	rtt := &column{title: "round trip", keep: keepRTT, right: true}
	heard := &column{title: "heard", keep: keepHeard, right: true}
	clock := &column{title: "clock", keep: keepClock, right: true}
	again := &column{title: "reconnects", keep: keepReconnects, right: true}
	reached := &column{title: "reached by", keep: keepReached}
	wrong := &column{title: "what is wrong"}
	for _, m := range c.Members {
		name := fit(fmt.Sprintf("%2d %s", m.Index, clean(m.Name)), widestName)
		if m.Index == c.Self {
			name += " (you)"
		}
		names.cells = append(names.cells, name)
		path.cells = append(path.cells, m.Path)
		step.cells = append(step.cells, fit(clean(m.Doing), widestName))
		version.cells = append(version.cells, fit(clean(said(c, m, m.Version)), 12))
		rtt.cells = append(rtt.cells, rttText(c, m))
		heard.cells = append(heard.cells, heardText(c, m))
		clock.cells = append(clock.cells, clockText(c, m))
		again.cells = append(again.cells, count(m.Reconnects))
		reached.cells = append(reached.cells, reachedBy(c, m.Index))
		wrong.cells = append(wrong.cells, wrongText(c, m))
	}
	if isOver(c) {
		return []*column{names, step, version, again, wrong}
	}
	columns := []*column{names, path, step, rtt, heard, clock, version, again, reached}
	if n := len(c.Members[c.Self].Links); n > 0 && n < s.width/2 {
		columns = append(columns, meshColumn(c))
	}
	return append(columns, wrong)
}

// wrongText says what is wrong with a member, or that the node waits for it.
func wrongText(c *statuspage.Detail, m statuspage.Member) string {
	switch {
	case c.Phase == "complete" && m.Waiting:
		return "no goodbye, " + clean(m.State)
	case m.Trouble:
		return clean(m.State)
	case m.Waiting:
		return "waited for"
	}
	return ""
}

// said returns what a member said about itself, or "?" if it said nothing.
func said(c *statuspage.Detail, m statuspage.Member, text string) string {
	if text == "" && m.Index != c.Self {
		return unknown
	}
	return text
}

func rttText(c *statuspage.Detail, m statuspage.Member) string {
	switch {
	case m.RTT == 0:
		return said(c, m, "")
	case m.RTT < 10:
		return fmt.Sprintf("%.1f ms", m.RTT)
	}
	return brief(milliseconds(m.RTT))
}

func heardText(c *statuspage.Detail, m statuspage.Member) string {
	if m.LastSeen.IsZero() {
		return said(c, m, "")
	}
	if since := c.At.Sub(m.LastSeen); since >= time.Second {
		return brief(since) + " ago"
	}
	return "just now"
}

// clockText says how far a member's clock is off, if it is. A difference that rounds to 0 s is
// left out: it may be due to the time that a request travels.
func clockText(c *statuspage.Detail, m statuspage.Member) string {
	const worth = time.Second
	switch ahead := milliseconds(m.Clock).Round(time.Second); {
	case m.Index == c.Self || m.LastSeen.IsZero() || ahead.Abs() < worth:
		return ""
	case ahead < 0:
		return brief(-ahead) + " behind"
	default:
		return brief(ahead) + " ahead"
	}
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
