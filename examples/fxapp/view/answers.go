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

func questions(c *statuspage.Detail) []question {
	return []question{
		{"Who are we waiting for?", "Waits for", c.Answers.WaitingFor},
		{"Is it me?", "Me?", c.Answers.IsItMe},
		{"Has it failed?", "Failed?", c.Answers.Failure},
		{"Who was slow?", "Slow?", c.Answers.Slow},
		{"Can I stop this node now?", "Stop?", c.Answers.Close},
	}
}

// allAnswers is the number of questions.
const allAnswers = 5

// explained returns the questions whose answers are explained if there is room for n
// explanations. Half an explanation could mislead, so it is shown whole or not at all.
func explained(c *statuspage.Detail, n int) []int {
	order := []int{4, 0, 1, 2, 3}
	if c.Error != "" {
		order = []int{4, 2, 1, 3, 0}
	}
	return order[:n]
}

// sentences returns the answer with its explanation. If that begins with the answer, the
// answer is not said twice.
func (q question) sentences() string {
	short, text := clean(q.Short), clean(q.Text)
	if rest, begins := strings.CutPrefix(text, short+" "); begins {
		return strong.paint(short) + " " + rest
	}
	return strong.paint(short+".") + " " + text
}

// word returns the short answer up to its colon. The text after the colon says why
// the ceremony failed, and so does the headline.
func (q question) word() string {
	word, _, _ := strings.Cut(clean(q.Short), ": ")
	return strong.paint(word)
}

// answers returns the answers to the operator's five questions, of which n are explained.
func (s *screen) answers(c *statuspage.Detail, n int) (lines []string) {
	const longest = 8 // lines of an answer, because it may contain a long text of a member
	asked, widest := questions(c), 0
	for _, q := range asked {
		widest = max(widest, width(q.whole))
	}
	for i, q := range asked {
		text := q.word()
		if slices.Contains(explained(c, n), i) && q.Text != "" {
			text = q.sentences()
		}
		if s.isNarrow() {
			text = faint.paint(q.whole) + " " + text
			for i, line := range wrapped(text, s.width-gutter, longest) {
				lines = append(lines, strings.Repeat(" ", gutter*min(i, 1))+line)
			}
			continue
		}
		head := faint.paint(pad(q.whole, widest)) + "  "
		lines = append(lines, hanging(head, wrapped(text, s.width-width(head), longest))...)
	}
	return lines
}

// isNarrow reports whether an answer follows its question in the same paragraph,
// instead of standing in a column of its own.
func (s *screen) isNarrow() bool { return s.width < 70 }

// shortAnswers returns the short answers in as few lines as possible, for a low terminal. It
// leaves out the first, which the headline gives.
func (s *screen) shortAnswers(c *statuspage.Detail) (lines []string) {
	for _, q := range questions(c)[1:] {
		text := faint.paint(q.short) + " " + fit(q.word(), s.width-width(q.short)-1)
		if n := len(lines); n > 0 && width(lines[n-1])+2+width(text) <= s.width {
			lines[n-1] += "  " + text
		} else {
			lines = append(lines, text)
		}
	}
	return lines
}
