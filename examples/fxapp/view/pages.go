package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// page is a page that is shown in place of the members.
type page int

const (
	mainPage page = iota
	helpPage
	memberPage
	diagnosisPage
	meshPage
	logPage
)

// pageLines returns the visible part of a page.
func (s *screen) pageLines(room int) []string {
	lines := s.wholePage()
	room = max(room, 0)
	s.scroll = max(0, min(s.scroll, len(lines)-room))
	return lines[s.scroll:min(len(lines), s.scroll+room)]
}

func (s *screen) wholePage() []string {
	c := s.doc.Ceremony
	switch s.page {
	case memberPage:
		return s.details(c, c.Members[min(s.selected, len(c.Members)-1)])
	case diagnosisPage:
		return s.text(diagnosis(c))
	case meshPage:
		return slices.Concat(brokenLines(c), meshLines(c), []string{""}, s.text(strings.Join(meshLegend, "\n")))
	case logPage:
		return s.text(strings.Join(s.log, "\n"))
	default:
		return s.text(help)
	}
}

// text wraps a text of several lines to the width of the screen.
func (s *screen) text(text string) (lines []string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		lines = append(lines, hanging(indent, wrapped(clean(line[len(indent):]), s.width-len(indent), maxLine))...)
	}
	return lines
}

// diagnosis returns the ceremony as text that can be sent to the other operators.
func diagnosis(c *statuspage.Detail) string {
	var b strings.Builder
	for line := range strings.SplitSeq(c.Diagnosis(), "\n") {
		b.WriteString(clean(line) + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

const help = `Keys
  up down j k   choose a member
  enter         details of the member: addresses, errors, reconnects
  c             copy the diagnosis, for the other operators
  d             show the diagnosis
  m             who reaches whom
  l             the log
  esc           back
  q, Ctrl-C     stop the node; q asks first

Signs of members
  >  this node is waiting for the member
  !  something is wrong with the member
  x  the member is named as a cause of the failure

reached by: how many of the others reach this member; silent ones have not reported.
The numbers above the signs = ~ > < ! stand for operators: m explains the signs.
clock: how far the member's clock is ahead of this node's.`

// details returns everything that the node knows about a member.
func (s *screen) details(c *statuspage.Detail, m statuspage.Member) []string {
	var lines []string
	add := func(name, text string) {
		if text == "" {
			return
		}
		const names = 15
		lines = append(lines, hanging(faint.paint(pad(name, names)), wrapped(clean(text), s.width-names, 6))...)
	}
	lines = append(lines, strong.paint(fmt.Sprintf("operator %d, %s", m.Index, clean(m.Name))))
	add("how it stands", m.State)
	add("last error", m.LastError)
	add("path", m.Path)
	add("step", m.Doing)
	add("peer ID", m.ID)
	add("calls itself", nickname(m))
	add("version", m.Version)
	add("round trip", rttText(c, m))
	add("heard", heardText(c, m))
	add("clock", clockText(c, m))
	add("since", s.sinceText(m.Since))
	add("reconnects", fmt.Sprint(m.Reconnects))
	add("failed tries", count(m.Attempts))
	add("reached by", reachedBy(c, m.Index))
	if len(m.Addrs) == 0 && m.Index != c.Self {
		add("addresses", "none in the definition")
	}
	for _, a := range m.Addrs {
		add("address", a)
	}
	return lines
}

func (s *screen) sinceText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.zone).Format("15:04:05")
}
