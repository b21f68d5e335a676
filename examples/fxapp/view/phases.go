package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// progress is how far a phase has come.
type progress int

const (
	ahead progress = iota
	current
	passed
	stuck // it failed there, or goodbyes are missing
)

// phase is a part of a ceremony: the connections, a step, the last barrier, the goodbyes.
type phase struct {
	name string
	progress
	took time.Duration
	last string // who was last, if that is worth a word
}

// phasesOf lists what a ceremony goes through.
func phasesOf(c *statuspage.Detail) []phase {
	steps := int64(len(c.Steps))
	over := c.Phase == "complete" || c.Phase == "completing"
	end := max(c.Step, steps+1)
	if steps == 0 && !over {
		end = c.Step + 1 // nobody knows how many there are
	}
	list := []phase{{name: "connect", progress: progressOf(c, 0, end)}}
	for step := int64(1); step < end; step++ {
		name := fmt.Sprint(step)
		if step <= steps {
			name += " " + clean(c.Steps[step-1])
		}
		list = append(list, phase{name: name, progress: progressOf(c, step, end)})
	}
	list = append(list, phase{name: "last barrier", progress: progressOf(c, end, end)},
		phase{name: "goodbyes", progress: progressOf(c, end+1, end)})
	times(c, list)
	return list
}

// progressOf is how far a ceremony has come with the phase that begins with a step.
func progressOf(c *statuspage.Detail, step, end int64) progress {
	at := c.Step
	if c.Phase == "complete" || c.Waiting != nil && c.Waiting.Barrier == "shutdown" {
		at = end + 1
	}
	switch {
	case c.Phase == "complete" && step == at && c.Waiting != nil:
		return stuck // somebody did not say goodbye
	case c.Phase == "complete" || step < at:
		return passed
	case step > at:
		return ahead
	case c.Phase == "failed":
		return stuck
	}
	return current
}

// times adds how long the phases took, and who was last. A phase lasts until the next one
// begins at this node.
func times(c *statuspage.Detail, list []phase) {
	begun := make(map[int]time.Time)
	for _, b := range c.Passed {
		i := int(b.Step)
		switch b.Kind {
		case "connected":
			i = 0
		case "shutdown":
			i = len(list) - 1
		}
		if i >= len(list) {
			continue
		}
		begun[i] = b.Since
		if i == len(list)-1 {
			list[i].took = b.Passed.Sub(b.Since)
		}
		const worth = 50 // ms
		if b.Last < len(c.Members) && (b.Kind == "connected" || b.Behind >= worth) {
			list[i].last = clean(c.Members[b.Last].Name)
			if b.Last == c.Self {
				list[i].last = "this node"
			}
		}
	}
	for i := range list {
		from, known := begun[i]
		if c.Waiting != nil && list[i].progress == current {
			from, known = c.Waiting.Since, true
		}
		next, ended := begun[i+1]
		switch {
		case known && ended:
			list[i].took = next.Sub(from)
		case known && list[i].progress == passed && i+1 < len(list) && c.Waiting != nil:
			list[i].took = c.Waiting.Since.Sub(from)
		case known && (list[i].progress == current || list[i].progress == stuck):
			list[i].took = c.At.Sub(from)
		}
	}
}

// looks are a phase's sign and colour.
var looks = map[progress]struct {
	sign, bar string
	ink       ink
}{
	ahead:   {"·", "─", faint},
	current: {">", "━", waiting},
	passed:  {"=", "━", good},
	stuck:   {"x", "━", bad},
}

// phases is the bar of the phases: with names and times below it, or in one line.
func (s *screen) phases(c *statuspage.Detail, most int) []string {
	list := phasesOf(c)
	if most > 1 {
		if widths := share(list, s.width); widths != nil {
			return bars(list, widths)
		}
	}
	var signs strings.Builder
	now, done := list[len(list)-1], 0
	for _, p := range list {
		look := looks[p.progress]
		signs.WriteString(look.ink.paint(look.sign))
		switch p.progress {
		case current, stuck:
			now = p
		case passed:
			done++
		}
	}
	if len(list) > s.width/3 {
		signs.Reset()
		fmt.Fprintf(&signs, "%d of %d", done, len(list))
	}
	text := looks[now.progress].ink.paint(now.name)
	if now.progress == passed {
		text = good.paint("all passed")
	} else if now.took > 0 {
		text += " " + brief(now.took)
	}
	return []string{"[" + signs.String() + "] " + text}
}

// share divides the columns of a screen among phases; nil: there are too few.
func share(list []phase, columns int) []int {
	const narrowest, gap = 11, 1
	widths, sum := make([]int, len(list)), 0
	for i, p := range list {
		widths[i] = max(width(p.name)+2, width(p.text()), narrowest)
		sum += widths[i] + gap
	}
	left := columns - (sum - gap)
	if left < 0 {
		each := (columns+gap)/len(list) - gap
		if each < narrowest {
			return nil
		}
		for i := range widths {
			widths[i] = each
		}
		return widths
	}
	for i := range widths {
		widths[i] += left / len(widths)
	}
	return widths
}

// text says how long a phase took, and who was last.
func (p phase) text() string {
	text := p.duration()
	if p.last != "" {
		text = strings.TrimPrefix(text+", "+p.last+" last", ", ")
	}
	return text
}

func (p phase) duration() string {
	if p.took == 0 {
		return ""
	}
	return brief(p.took)
}

// bars are three lines: a bar, the names, and the times.
func bars(list []phase, widths []int) []string {
	var bar, names, texts []string
	for i, p := range list {
		look, w, text := looks[p.progress], widths[i], p.text()
		if width(text) > w {
			text = p.duration()
		}
		bar = append(bar, look.ink.paint(strings.Repeat(look.bar, w)))
		names = append(names, look.ink.paint(pad(look.sign+" "+p.name, w)))
		texts = append(texts, faint.paint(pad(text, w)))
	}
	return []string{strings.Join(bar, " "), strings.Join(names, " "), strings.Join(texts, " ")}
}
