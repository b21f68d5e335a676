package view

import (
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// question is one of an operator's, with its answer.
type question struct {
	whole, short string
	statuspage.Answer
}

// hasItFailed is asked of a ceremony that has not.
const hasItFailed = "Has it failed?"

func questions(c *statuspage.Detail) []question {
	failed := hasItFailed
	if c.Error != "" {
		failed = "Why did it fail?"
	}
	return []question{
		{"Who are we waiting for?", "Waits for", c.Answers.WaitingFor},
		{"Is it me?", "Me?", c.Answers.IsItMe},
		{failed, "Failed?", c.Answers.Failure},
		{"Who was slow?", "Slow?", c.Answers.Slow},
		{"Can I stop this node now?", "Stop?", c.Answers.Close},
	}
}

// isDull reports whether nobody needs to read the answer now.
func (q question) isDull() bool { return q.whole == hasItFailed || q.Short == "Nobody yet" }

// answers are those to the five questions of an operator: in a word or two each, or
// with at most so many lines of explanation.
func (s *screen) answers(c *statuspage.Detail, sh shape) []string {
	switch {
	case sh.answers == 0:
		return slices.Concat(s.shortAnswers(c), s.why(c, sh.why), s.explained(c.Answers.Close, sh.stop))
	case s.isNarrow():
		return s.narrowAnswers(c, sh.answers)
	}
	widest, shorts := 0, 0
	for _, q := range questions(c) {
		widest = max(widest, width(q.whole))
		if w := width(clean(q.Short)); w <= s.width/6 { // the texts need the room
			shorts = max(shorts, w)
		}
	}
	var lines []string
	for _, q := range questions(c) {
		head := faint.paint(pad(q.whole, widest)) + "  "
		short, text := strong.paint(clean(q.Short)), clean(q.Text)
		if width(short) <= shorts {
			head += short + strings.Repeat(" ", shorts-width(short)+2)
		} else { // its text goes on in the same line, and then below it
			text = short + "  " + text
		}
		lines = append(lines, hanging(head, wrapped(text, s.width-width(head), sh.answers))...)
	}
	return lines
}

// isNarrow reports whether an answer has to stand below its question.
func (s *screen) isNarrow() bool { return s.width < 70 }

// narrowAnswers have the explanation below.
func (s *screen) narrowAnswers(c *statuspage.Detail, most int) (lines []string) {
	for _, q := range questions(c) {
		head, short := faint.paint(q.whole), strong.paint(clean(q.Short))
		if width(head)+1+width(short) <= s.width {
			lines = append(lines, head+" "+short)
		} else {
			lines = append(append(lines, head), hanging("  ", wrapped(short, s.width-2, 2))...)
		}
		if q.Answer == c.Answers.Close {
			most += 2 // half of that could mislead
		}
		if most > 1 && !q.isDull() {
			lines = append(lines, hanging("  ", wrapped(clean(q.Text), s.width-2, most))...)
		}
	}
	return lines
}

// shortAnswers puts the answers into as few lines as they need. The headline has the
// first.
func (s *screen) shortAnswers(c *statuspage.Detail) (lines []string) {
	for _, q := range questions(c)[1:] {
		if q.isDull() {
			continue
		}
		text := faint.paint(q.short) + " " + strong.paint(fit(clean(q.Short), s.width-width(q.short)-1))
		if n := len(lines); n > 0 && width(lines[n-1])+2+width(text) <= s.width {
			lines[n-1] += "  " + text
		} else {
			lines = append(lines, text)
		}
	}
	return lines
}

// why explains the headline.
func (s *screen) why(c *statuspage.Detail, most int) []string {
	if c.Error != "" {
		return s.explained(c.Answers.Failure, most)
	}
	return s.explained(c.Answers.WaitingFor, most)
}

// explained is the explanation of an answer, in at most so many lines.
func (s *screen) explained(a statuspage.Answer, most int) []string {
	if most == 0 {
		return nil
	}
	return wrapped(clean(a.Text), s.width, most)
}
