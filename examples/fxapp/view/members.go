package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

const (
	gutter     = 2  // columns in front of a member, for its sign
	least      = 24 // columns of what is wrong, before others are left out
	widestName = 22
)

// column is one of the table of members.
type column struct {
	title string
	cells []string
	keep  int // the lowest is left out first
	right bool
	ink   func(row, width int, cell string) string // nil: as it is
	width int
}

// measure notes how wide a column is.
func (c *column) measure() {
	c.width = width(c.title)
	for _, cell := range c.cells {
		c.width = max(c.width, width(cell))
	}
}

// table is the members, as far as there is room.
type table struct {
	head  string
	rows  []string
	order []int // rows, those that matter first
	at    int   // the row that has been chosen; -1: none
	mesh  bool  // who reaches whom is among the columns
}

// table lays the members out, and leaves columns out until the rest fits.
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
	if s.moved {
		t.at = s.selected
	}
	for _, col := range columns {
		t.mesh = t.mesh || col.keep == keepMesh
	}
	t.head = strings.Repeat(" ", gutter)
	for i, col := range columns {
		t.head += faint.paint(cell(col, col.title, i == len(columns)-1)) + "  "
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

// cell is a text in its column; the last column has no end.
func cell(col *column, text string, last bool) string {
	switch {
	case last:
		return text
	case col.right:
		return strings.Repeat(" ", max(0, col.width-width(text))) + text
	}
	return pad(text, col.width)
}

// sign marks the members that matter.
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

// matters orders the members: those whom the node waits for first.
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

// lines are the heading and at most so many members. Where not all have room, those
// whom the node waits for come first, or those around the one that has been chosen.
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

// around are so many rows around the one that has been chosen. The one that matters most is
// always among them.
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

// first is the first of so many rows around the one that has been chosen.
func (t table) first(room int) int { return max(0, min(t.at-room/2, len(t.rows)-room)) }

// The order in which columns are left out, from the first to the last.
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

// columns are all of them. The last is what is wrong.
func (s *screen) columns(c *statuspage.Detail) []*column {
	names := &column{title: "operator", keep: keepName}
	path := &column{title: "path", keep: keepPath} // after the name: its letters run from left to right
	step := &column{title: "step", keep: keepStep}
	version := &column{title: "version", keep: keepVersion}
	rtt := &column{title: "round trip", keep: keepRTT, right: true}
	heard := &column{title: "heard", keep: keepHeard, right: true}
	clock := &column{title: "clock", keep: keepClock, right: true}
	again := &column{title: "reconnects", keep: keepReconnects, right: true}
	reached := &column{title: "reached by", keep: keepReached}
	wrong := &column{title: "what is wrong"}
	for _, m := range c.Members {
		names.cells = append(names.cells, fit(fmt.Sprintf("%2d %s", m.Index, clean(m.Name)), widestName))
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
		return "its goodbye is missing: " + clean(m.State)
	case m.Trouble:
		return clean(m.State)
	case m.Waiting:
		return "waited for"
	}
	return ""
}

// said is what a member has said of itself.
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
	return brief(c.At.Sub(m.LastSeen)) + " ago"
}

// clockText is how far a member's clock is ahead. The way of a request takes as long as
// what differs by less.
func clockText(c *statuspage.Detail, m statuspage.Member) string {
	const worth = time.Second
	switch ahead := milliseconds(m.Clock).Round(time.Second); {
	case m.Index == c.Self || m.LastSeen.IsZero():
		return said(c, m, "")
	case ahead.Abs() < worth:
		return "ok"
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
