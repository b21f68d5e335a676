package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// screen is everything that decides what is to be seen.
type screen struct {
	width, height int
	doc           statuspage.Document
	log           []string // the last lines, the newest last
	zone          *time.Location

	selected int // the member for whom details are shown
	moved    bool
	page     page // what is shown in place of the members
	scroll   int  // lines of the page that are above the screen
	asking   bool // whether to stop the node
	notice   string
}

// shape is how much of everything is shown.
type shape struct {
	answers int // lines of each answer; 0: a word or two of each
	why     int // with answers of a word or two, lines of why it stands so
	stop    int // with answers of a word or two, lines of why to stop or not
	phases  int // lines
	members int // rows at least, those for whom there are members
	mesh    int // rows of a mesh below the members, where the table has no room for it
	legend  int // lines of it at least; more only where they are free
	log     int // lines at least
	gaps    int // empty lines between the parts
}

const all = 1000 // of something

// shapes are from the richest to the barest. The first that fits is taken. Whole answers
// come before the log, and the members before whole answers.
var shapes = []shape{
	{answers: 8, phases: 3, members: all, mesh: all, legend: all, log: 6, gaps: 1},
	{answers: 8, phases: 3, members: all, mesh: all, legend: all, log: 3, gaps: 1},
	{answers: 8, phases: 3, members: all, legend: all, log: 3, gaps: 1},
	{answers: 8, phases: 3, members: all, legend: all, log: 3},
	{answers: 8, phases: 1, members: all, legend: all, log: 2},
	{answers: 8, phases: 1, members: all, log: 2},
	{answers: 8, phases: 1, members: all},
	{answers: 6, phases: 1, members: all},
	{answers: 4, phases: 1, members: all},
	{answers: 4, phases: 1, members: 6},
	{answers: 3, phases: 1, members: 4},
	{answers: 2, phases: 1, members: 4},
	{answers: 1, phases: 1, members: 4},
	{why: 4, stop: 5, phases: 1, members: 4, log: 2},
	{why: 4, stop: 5, phases: 1, members: 4},
	{why: 4, stop: 5, phases: 1, members: 3},
	{why: 3, stop: 3, phases: 1, members: 3},
	{why: 3, phases: 1, members: 3},
	{why: 3, members: 2},
	{why: 3},
	{why: 2},
	{why: 1},
	{},
}

// lines is the screen, at most height lines of at most width columns.
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

// frame puts the footer at the bottom, and cuts what is too much.
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

// compose lays out the first screen in a shape, if there is room for it.
func (s *screen) compose(c *statuspage.Detail, sh shape, t table, room int) ([]string, bool) {
	if sh.answers == 1 && s.isNarrow() {
		return nil, false // there, one line has no explanation
	}
	var lines []string
	gap := func() {
		for range sh.gaps {
			lines = append(lines, "")
		}
	}
	if sh.phases > 1 {
		lines = append(lines, s.title(c))
	}
	const low = 12
	most := 2
	if s.isNarrow() && s.height >= low {
		most = 3
	}
	lines = append(lines, s.headline(c, most)...)
	gap()
	lines = append(lines, s.answers(c, sh)...)
	if phases := s.phases(c, sh.phases); sh.phases > 0 && len(phases) > 0 {
		gap()
		lines = append(lines, phases...)
	}
	gap()
	mesh, legend := s.meshBelow(c, t, sh), s.legend(c, t, sh)
	needed := len(lines) + min(sh.members, len(t.rows)) + len(mesh) + min(sh.legend, len(legend)) + sh.log
	if sh.members > 0 {
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
	if sh.members > 0 {
		rows := room - (needed - min(sh.members, len(t.rows)))
		lines = append(lines, t.lines(rows)...)
	}
	lines = append(append(lines, mesh...), legend...)
	if sh.log > 0 {
		gap()
		lines = append(lines, s.rule("log"))
		lines = append(lines, s.logLines(room-len(lines))...)
	}
	return lines, true
}

// title says what is shown: which ceremony, and which node.
func (s *screen) title(c *statuspage.Detail) string {
	self := c.Members[c.Self]
	left := strong.paint("DKG ceremony ") + c.Definition[:min(len(c.Definition), 8)]
	if c.Attempt > 1 || c.Retried {
		left += fmt.Sprintf(", attempt %d", c.Attempt)
	}
	left += fmt.Sprintf("  this node is %s, operator %d of %d", clean(self.Name), self.Index, len(c.Members))
	right := s.doc.Now.In(s.zone).Format("15:04:05")
	if free := s.width - width(left) - width(right); free > 1 {
		return left + strings.Repeat(" ", free) + faint.paint(right)
	}
	return left
}

// headline says in one sentence how the ceremony stands.
func (s *screen) headline(c *statuspage.Detail, most int) []string {
	tag := tags[c.Kind]
	text := clean(c.Headline)
	if rest, isWait := strings.CutPrefix(text, "Waiting for "); isWait && c.Waiting != nil {
		text = "Waiting (" + wait(c.At.Sub(c.Waiting.Since)) + " so far) for " + rest
	}
	lines := wrapped(text, s.width-width(tag.word)-3, most)
	for i := range lines {
		lines[i] = tag.ink.paint(lines[i])
	}
	return hanging(tag.ink.inverse().paint(" "+tag.word+" ")+" ", lines)
}

// rule is a heading.
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

// logInk marks the lines that are worth a look.
func logInk(line string) ink {
	switch {
	case strings.Contains(line, "  ERROR  "):
		return bad
	case strings.Contains(line, "  WARNING  "):
		return waiting
	}
	return plain
}

// footer names the keys, or asks.
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

// askToStop asks whether to stop the node, and says what that means now.
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
