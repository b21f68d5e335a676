package view

import (
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// looks has the sign and colour of each state of a phase.
var looks = map[statuspage.PhaseState]struct {
	sign, bar string
	ink       ink
}{
	statuspage.PhaseAhead:   {"·", "─", faint},
	statuspage.PhaseWorking: {">", "━", good},
	statuspage.PhaseWaiting: {">", "━", waiting},
	statuspage.PhaseDone:    {"=", "━", good},
	statuspage.PhaseFailed:  {"x", "━", bad},
}

// phases draws the bar of the phases, with their names and texts below it, or in one line.
func (s *screen) phases(c *statuspage.Detail, most int) []string {
	if len(c.Phases) == 0 {
		return nil
	}
	if most > 1 {
		if widths := share(c.Phases, s.width); widths != nil && fits(c.Phases, widths) {
			return bars(c.Phases, widths)
		}
	}
	var signs strings.Builder
	done, text := 0, good.paint("all done")
	for _, p := range c.Phases {
		look := looks[p.State]
		signs.WriteString(look.ink.paint(look.sign))
		switch p.State {
		case statuspage.PhaseDone:
			done++
		case statuspage.PhaseAhead:
		default:
			text = look.ink.paint(clean(p.Name)+":") + " " + phaseText(p)
		}
	}
	if len(c.Phases) > s.width/3 {
		signs.Reset()
		fmt.Fprintf(&signs, "%d of %d", done, len(c.Phases))
	}
	line := "[" + signs.String() + "] "
	if width(line+text) > s.width {
		text, _, _ = strings.Cut(text, ":")
	}
	return []string{line + text}
}

// fits reports whether the texts of all phases fit below their names.
func fits(list []statuspage.Phase, widths []int) bool {
	for i, p := range list {
		if max(width(clean(p.Name))+gutter, width(phaseText(p))) > widths[i] {
			return false
		}
	}
	return true
}

// share divides the columns of a screen among the phases. Each gets room for its name, and
// then for its text if there is more room. It returns nil if there are too few columns.
func share(list []statuspage.Phase, columns int) []int {
	const narrowest, gap = 11, 1
	widths, left := make([]int, len(list)), columns+gap
	for i, p := range list {
		widths[i] = max(width(clean(p.Name))+gutter, narrowest)
		left -= widths[i] + gap
	}
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
	for i, p := range list {
		more := min(max(0, width(phaseText(p))-widths[i]), left)
		widths[i], left = widths[i]+more, left-more
	}
	for i := range widths {
		widths[i] += left / len(widths)
	}
	return widths
}

// phaseText returns the text of a phase that has begun.
func phaseText(p statuspage.Phase) string {
	if p.State == statuspage.PhaseAhead {
		return ""
	}
	return clean(p.Text)
}

// bars returns three lines: the bar, the names, and the texts.
func bars(list []statuspage.Phase, widths []int) []string {
	var bar, names, texts []string
	for i, p := range list {
		look, w := looks[p.State], widths[i]
		bar = append(bar, look.ink.paint(strings.Repeat(look.bar, w)))
		names = append(names, look.ink.paint(pad(look.sign+" "+clean(p.Name), w)))
		texts = append(texts, faint.paint(pad(phaseText(p), w)))
	}
	return []string{strings.Join(bar, " "), strings.Join(names, " "), strings.Join(texts, " ")}
}
