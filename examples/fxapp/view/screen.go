package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// screen holds everything that decides what is shown.
type screen struct {
	width, height int
	doc           statuspage.Document
	log           []string // the last lines, oldest first
	zone          *time.Location

	selected int // the member whose details are shown
	moved    bool
	page     page // the page in place of the members
	scroll   int  // lines of the page above the screen
	asking   bool // the view asks whether to stop the node
	notice   string
}

// shape says how much of everything is shown.
type shape struct {
	answers int // how many answers are explained; -1: short questions with short answers, without the first
	title   int // lines that name the node
	phases  int // lines
	members int // at least this many rows, or all members if there are fewer; troubled: all members with a problem
	mesh    int // rows of a mesh below the members, if the table has no room for it
	legend  int // least number of lines; more only if there is room
	log     int // least number of lines
	gaps    int // empty lines between the parts
}

const (
	all      = 1000 // means all of them
	troubled = -1   // means the members with a problem
)

// shapes go from the richest to the barest, and the first one that fits is used. What gives
// way first is the log, then the legend, then the members without a problem. Whole answers
// stay as long as there is room for them.
var shapes = []shape{
	{answers: allAnswers, title: 1, phases: 3, members: all, mesh: all, legend: all, log: 6, gaps: 1},
	{answers: allAnswers, title: 1, phases: 3, members: all, mesh: all, legend: all, log: 3, gaps: 1},
	{answers: allAnswers, title: 1, phases: 3, members: all, legend: all, log: 3, gaps: 1},
	{answers: allAnswers, title: 1, phases: 3, members: all, legend: all, log: 3},
	{answers: allAnswers, title: 1, phases: 1, members: all, legend: all, log: 2},
	{answers: allAnswers, title: 1, phases: 1, members: all, legend: all},
	{answers: allAnswers, title: 1, phases: 1, members: all},
	{answers: allAnswers, title: 1, phases: 1, members: troubled},
	{answers: allAnswers, title: 1, phases: 1, members: 1},
	{answers: allAnswers, title: 1, phases: 1},
	{answers: allAnswers, title: 1},
	{answers: 4, title: 1, phases: 1, members: troubled},
	{answers: 4, title: 1},
	{answers: 3, title: 1, phases: 1, members: troubled},
	{answers: 3, title: 1},
	{answers: 2, title: 1},
	{answers: 1, title: 1},
	{title: 1},
	{},
	{answers: -1},
}

// lines returns the screen: at most height lines of at most width columns.
func (s *screen) lines() []string {
	c := s.doc.Ceremony
	foot := s.footer()
	if c == nil {
		return s.frame(append([]string{
			"The node is starting.", "",
		}, s.logLines(s.height-3)...), foot)
	}
	if s.page != mainPage {
		head := s.headline(c, 2)
		body := s.pageLines(s.height - len(head) - len(foot))
		return s.frame(append(head, body...), foot)
	}
	t := s.table(c)
	for _, sh := range shapes {
		if body, ok := s.compose(c, sh, t, s.height-len(foot)); ok {
			return s.frame(body, foot)
		}
	}
	return s.frame(s.headline(c, max(1, s.height-len(foot))), foot)
}

// frame puts the footer at the bottom and cuts off what does not fit.
func (s *screen) frame(body, foot []string) []string {
	room := max(0, s.height-len(foot))
	body = body[:min(len(body), room)]
	for len(body) < room {
		body = append(body, "")
	}
	lines := slices.Concat(body, foot)
	lines = lines[max(0, len(lines)-s.height):]
	for i := range lines {
		lines[i] = fit(lines[i], s.width)
	}
	return lines
}

// compose lays out the first screen in a shape. It returns false if there is no room for
// that.
func (s *screen) compose(c *statuspage.Detail, sh shape, t table, room int) ([]string, bool) {
	var lines []string
	gap := func() {
		for range sh.gaps {
			lines = append(lines, "")
		}
	}
	if sh.title > 0 {
		lines = append(lines, s.title(c))
	}
	const low = 12
	longest := 2
	if s.isNarrow() && s.height >= low {
		longest = 3
	}
	lines = append(lines, s.headline(c, longest)...)
	gap()
	if sh.answers < 0 {
		lines = append(lines, s.shortAnswers(c)...)
	} else {
		lines = append(lines, s.answers(c, sh.answers)...)
	}
	if phases := s.phases(c, sh.phases); sh.phases > 0 && len(phases) > 0 {
		gap()
		lines = append(lines, phases...)
	}
	gap()
	members := min(sh.members, len(t.rows))
	if members == troubled { // the last row counts the others
		members = min(t.troubled+1, len(t.rows))
	}
	mesh, legend := s.meshBelow(c, t, sh), s.legend(c, t, sh)
	needed := len(lines) + members + len(mesh) + min(sh.legend, len(legend)) + sh.log
	if members > 0 {
		needed++ // the heading
	}
	if sh.log > 0 {
		needed += 1 + sh.gaps
	}
	if needed > room {
		return nil, false
	}
	if more := len(legend) - sh.legend; more > room-needed {
		legend = nil
	} else {
		needed += max(0, more)
	}
	if members > 0 {
		lines = append(lines, t.lines(room-(needed-members))...)
	}
	lines = append(append(lines, mesh...), legend...)
	if sh.log > 0 {
		gap()
		lines = append(lines, s.rule("log"))
		lines = append(lines, s.logLines(room-len(lines))...)
	}
	return lines, true
}

// title names the node and the ceremony.
func (s *screen) title(c *statuspage.Detail) string {
	self := c.Members[c.Self]
	left := strong.paint("this node is " + clean(self.Name))
	more := []string{fmt.Sprintf(", operator %d", self.Index), "  ceremony " + c.Definition[:min(len(c.Definition), 8)]}
	if c.Attempt > 1 || c.Retried {
		more = append(more, fmt.Sprintf(", attempt %d", c.Attempt))
	}
	right := s.doc.Now.In(s.zone).Format("15:04:05 MST")
	for _, part := range append(more, fmt.Sprintf(", %d members", len(c.Members))) {
		if width(left)+width(part)+2+width(right) > s.width {
			break
		}
		left += part
	}
	if free := s.width - width(left) - width(right); free > 1 {
		return left + strings.Repeat(" ", free) + faint.paint(right)
	}
	return left
}

// headline returns the sentence that says how the ceremony stands.
func (s *screen) headline(c *statuspage.Detail, longest int) []string {
	tag := tags[c.Kind]
	text := clean(c.Headline)
	if rest, isWait := strings.CutPrefix(text, "Waiting for "); isWait && c.Waiting != nil {
		if since := c.At.Sub(c.Waiting.Since); since >= time.Second {
			text = "Waiting (" + brief(since) + " so far) for " + rest
		}
	}
	lines := wrapped(text, s.width-width(tag.word)-3, longest)
	for i := range lines {
		lines[i] = tag.ink.paint(lines[i])
	}
	return hanging(tag.ink.inverse().paint(" "+tag.word+" ")+" ", lines)
}

// rule draws a heading.
func (s *screen) rule(name string) string {
	return faint.paint("── " + name + " " + strings.Repeat("─", max(0, s.width-width(name)-4)))
}

func (s *screen) logLines(room int) []string {
	if room <= 0 {
		return nil
	}
	var lines []string
	for _, line := range s.log[max(0, len(s.log)-room):] {
		lines = append(lines, logInk(line).paint(fit(clean(line), s.width)))
	}
	return lines
}

// logInk returns the colour of a log line. Warnings and errors stand out.
func logInk(line string) ink {
	switch {
	case strings.Contains(line, "  ERROR  "):
		return bad
	case strings.Contains(line, "  WARNING  "):
		return waiting
	}
	return plain
}

// footer returns the names of the keys, or a question.
func (s *screen) footer() []string {
	switch c := s.doc.Ceremony; {
	case s.asking:
		return s.askToStop(c)
	case s.notice != "":
		return []string{good.paint(fit(s.notice, s.width))}
	}
	keys := []string{"? help", "q stop (asks first)", "enter details", "c copy", "d diagnosis", "m mesh", "l log"}
	if s.page != mainPage {
		keys = []string{"esc back", "up/down scroll", "c copy", "q stop (asks first)"}
	}
	line := ""
	for _, key := range keys {
		if width(line)+2+width(key) > s.width {
			break
		}
		name, does, _ := strings.Cut(key, " ")
		line += strong.paint(name) + faint.paint(" "+does) + "  "
	}
	return []string{line}
}

// askToStop returns the question whether to stop the node, and says what stopping means
// now.
func (s *screen) askToStop(c *statuspage.Detail) []string {
	ask := bad.inverse().paint(" Stop this node? ") + " " + strong.paint("y yes  n no")
	if c == nil {
		return []string{ask}
	}
	const low = 12
	if s.height < low {
		return wrapped(ask+"  Can I stop this node now? "+clean(c.Answers.Close.Short), s.width, 2)
	}
	return append([]string{ask}, wrapped(clean(c.Answers.Close.Text), s.width, 4)...)
}
