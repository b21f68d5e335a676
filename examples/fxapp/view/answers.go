package view

import (
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// question is one of the operator's questions, with its answer.
type question struct {
	whole, short string
	statuspage.Answer
}

// hasItFailed is the question about a ceremony that has not failed.
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

// isDull reports whether the answer only says that nothing has happened.
func (q question) isDull() bool { return q.whole == hasItFailed || q.Short == "Nobody yet" }

// answers returns the answers to the operator's five questions. Each has a word or two,
// or up to sh.answers lines of explanation.
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
		} else { // its text begins on the same line and goes on below it
			text = short + "  " + text
		}
		lines = append(lines, hanging(head, wrapped(text, s.width-width(head), sh.answers))...)
	}
	return lines
}

// isNarrow reports whether an answer must stand below its question.
func (s *screen) isNarrow() bool { return s.width < 70 }

// narrowAnswers returns the answers with each explanation below its question.
func (s *screen) narrowAnswers(c *statuspage.Detail, most int) (lines []string) {
	for _, q := range questions(c) {
		head, short := faint.paint(q.whole), strong.paint(clean(q.Short))
		if width(head)+1+width(short) <= s.width {
			lines = append(lines, head+" "+short)
		} else {
			lines = append(append(lines, head), hanging("  ", wrapped(short, s.width-2, 2))...)
		}
		if q.Answer == c.Answers.Close {
			most += 2 // half of that answer could mislead
		}
		if most > 1 && !q.isDull() {
			lines = append(lines, hanging("  ", wrapped(clean(q.Text), s.width-2, most))...)
		}
	}
	return lines
}

// shortAnswers returns the short answers in as few lines as possible. It leaves out the
// first, which the headline gives.
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

// why returns the explanation of the headline.
func (s *screen) why(c *statuspage.Detail, most int) []string {
	if c.Error != "" {
		return s.explained(c.Answers.Failure, most)
	}
	return s.explained(c.Answers.WaitingFor, most)
}

// explained returns the explanation of an answer, in up to most lines.
func (s *screen) explained(a statuspage.Answer, most int) []string {
	if most == 0 {
		return nil
	}
	return wrapped(clean(a.Text), s.width, most)
}
