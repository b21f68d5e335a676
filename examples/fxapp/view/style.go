package view

import (
	"image/color"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// A word or a sign also says everything that a colour says. Colour-blind people can tell
// this blue, orange and red apart, and all three are readable on black and on white.
var (
	blue   = color.RGBA{R: 0x1f, G: 0x7a, B: 0xc8, A: 0xff}
	orange = color.RGBA{R: 0xa0, G: 0x6c, B: 0x00, A: 0xff}
	red    = color.RGBA{R: 0xd8, G: 0x3c, B: 0x2a, A: 0xff}
)

// ink paints a text without changing its characters.
type ink ansi.Style

var (
	plain   = ink(ansi.NewStyle())
	strong  = ink(ansi.NewStyle().Bold())
	faint   = ink(ansi.NewStyle().Faint())
	good    = ink(ansi.NewStyle().ForegroundColor(blue))
	waiting = ink(ansi.NewStyle().Bold().ForegroundColor(orange))
	bad     = ink(ansi.NewStyle().Bold().ForegroundColor(red))
	broken  = ink(ansi.NewStyle().Bold().Reverse(true).ForegroundColor(red))
	chosen  = ink(ansi.NewStyle().Reverse(true))
)

func (i ink) paint(text string) string {
	if len(i) == 0 || text == "" {
		return text
	}
	return ansi.Style(i).Styled(text)
}

// inverse returns the ink with foreground and background swapped.
func (i ink) inverse() ink { return ink(ansi.Style(i).Reverse(true)) }

// tags has the words and colours of headlines.
var tags = map[statuspage.Kind]struct {
	word string
	ink  ink
}{
	statuspage.KindWaiting:  {"WAITING", waiting},
	statuspage.KindWorking:  {"WORKING", good},
	statuspage.KindOurTurn:  {"YOUR TURN", bad},
	statuspage.KindFinished: {"FINISHED", good},
	statuspage.KindComplete: {"COMPLETE", good},
	statuspage.KindFailed:   {"FAILED", bad},

	statuspage.KindRehearsal: {"REHEARSAL", good},
}

func width(text string) int { return ansi.StringWidth(text) }

// fit cuts a text to a width.
func fit(text string, w int) string { return ansi.Truncate(text, max(w, 0), "…") }

// pad cuts or pads a text to a width.
func pad(text string, w int) string {
	text = fit(text, w)
	return text + strings.Repeat(" ", w-width(text))
}

// wrapped breaks a text into lines. "most" is their maximum number; the rest is cut off.
func wrapped(text string, w, most int) []string {
	lines := strings.Split(ansi.Wrap(text, max(w, 1), " "), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	if most = max(most, 1); len(lines) > most {
		rest := strings.Join(lines[most-1:], " ")
		lines = append(lines[:most-1], fit(rest, w))
	}
	return lines
}

// hanging puts a text before the first line, and indents the other lines by as much.
func hanging(first string, lines []string) []string {
	indent := strings.Repeat(" ", width(first))
	for i := range lines {
		if i == 0 {
			lines[i] = first + lines[i]
		} else {
			lines[i] = indent + lines[i]
		}
	}
	return lines
}
