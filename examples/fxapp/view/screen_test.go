package view

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

func TestScreensFitEverySize(t *testing.T) {
	for name, d := range situations(t) {
		for _, width := range []int{40, 47, 69, 70, 80, 111, 200} {
			for _, height := range []int{8, 11, 15, 24, 33, 60} {
				s := newScreen(d, width, height)
				lines := s.lines()
				require.Len(t, lines, height, "%s %dx%d", name, width, height)
				for _, line := range lines {
					require.LessOrEqual(t, ansi.StringWidth(line), width, "%s %dx%d: %q", name, width, height, line)
				}
				text := ansi.Strip(strings.Join(lines, "\n"))
				require.Contains(t, text, tags[d.Ceremony.Kind].word)
				require.Contains(t, text, "? help")
			}
		}
	}
}

// A terminal that is smaller than this may show nothing useful, but does no harm.
func TestTinyScreens(t *testing.T) {
	for name, d := range situations(t) {
		for _, width := range []int{0, 1, 2, 7, 20, 39} {
			for height := range 8 {
				for _, page := range []page{mainPage, helpPage, memberPage, diagnosisPage, meshPage, logPage} {
					s := newScreen(d, width, height)
					s.page, s.asking = page, width%2 == 0
					require.LessOrEqual(t, len(s.lines()), height, "%s %dx%d", name, width, height)
				}
			}
		}
	}
}

var hostile = []string{
	"\x1b[2J\x1b[H\x1b]0;gone\x07",          // clears the screen and renames the window
	"\x9b31m\u009b2J",                       // the same with one character
	"a\nb\r\nc\td\be\x00f\x7f",              // moves the cursor
	"\u202egnp.exe\u202c\u2066x",            // turns the direction of the text
	"a\u200bl\u200di\ufeffc\u2060e",         // takes no room
	"Z" + strings.Repeat("\u0301\u0489", 9), // stands above other lines
	"👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ 👍🏽 1️⃣",                // takes more or less room
	"株式会社ノード 한국어 ＷＩＤＥ",                      // is wide
	"שלום עולם مرحبا",                       // runs from right to left
	"\xff\xfe\xc3(",                         // is not text
	"\U000e0041\U000e007f\u00ad\u061c\ue000",
	strings.Repeat("long ", 500),
}

// hostileDocument returns a ceremony in which members say only hostile things.
func hostileDocument(t *testing.T) statuspage.Document {
	t.Helper()
	d := situations(t)["03-broken-pair"]
	c := *d.Ceremony
	c.Members = nil
	for i, text := range hostile {
		m := d.Ceremony.Members[1+i%3]
		m.Index, m.Name, m.Nickname, m.Version, m.State, m.LastError = i, text, text, text, text, text
		m.Links, m.Trouble = strings.Repeat("=", len(hostile)), i%2 == 0
		c.Members = append(c.Members, m)
	}
	all := strings.Join(hostile, " ")
	c.Headline = "Waiting for " + all
	for _, a := range []*statuspage.Answer{
		&c.Answers.WaitingFor, &c.Answers.IsItMe, &c.Answers.Failure, &c.Answers.Slow, &c.Answers.Close,
	} {
		a.Short, a.Text = hostile[0], all
	}
	c.Broken[0].Text = all
	c.Steps = append([]string{}, hostile...)
	d.Ceremony = &c
	return d
}

func TestHostileTextDoesNoHarm(t *testing.T) {
	d := hostileDocument(t)
	for _, page := range []page{mainPage, memberPage, diagnosisPage, meshPage, logPage} {
		for i := range hostile {
			if i > 0 && page != memberPage {
				break // it shows all members
			}
			s := newScreen(d, 120, 50)
			s.log, s.page, s.selected = slices.Concat(hostile, s.log), page, i
			lines := s.lines()
			for _, line := range lines {
				text := ansi.Strip(line)
				require.Equal(t, ansi.StringWidth(text), ansi.StringWidthWc(text), "%q", text)
				for _, r := range text {
					require.False(t, r < ' ' || r >= 0x7f && r < 0xa0 || isInvisible(r), "%q in %q", r, text)
				}
			}
			// The terminal shows what was meant.
			shown := strings.Split(textOf(emulate(s)), "\n")
			for row, line := range lines {
				require.Equal(t, strings.TrimRight(ansi.Strip(line), " "), shown[row])
			}
		}
	}
	requireGolden(t, "hostile-120x50", textOf(emulate(newScreen(d, 120, 50))))
}

func isInvisible(r rune) bool {
	const some = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufe0f\ufeff"
	return strings.ContainsRune(some, r) || r >= 0xe0000 || r >= 0xe000 && r <= 0xf8ff
}

func TestCleanKeepsWriting(t *testing.T) {
	for _, text := range []string{
		"alice", "Zoë", "Ångström", "株式会社", "Ηρώ", "Ольга", "שלום", "مرحبا", "e\u0301", "dave-2 …",
	} {
		require.Equal(t, text, clean(text))
	}
}

func TestPages(t *testing.T) {
	d := situations(t)["03-broken-pair"]
	for page, name := range map[page]string{
		helpPage: "help", memberPage: "member", diagnosisPage: "diagnosis", meshPage: "mesh", logPage: "log",
	} {
		s := newScreen(d, 100, 30)
		s.page = page
		requireGolden(t, "page-"+name+"-100x30", textOf(emulate(s)))
	}
}

func TestQuestionBeforeQuitting(t *testing.T) {
	for _, width := range []int{40, 100} {
		s := newScreen(situations(t)["05-relay"], width, 24)
		s.asking = true
		requireGolden(t, fmt.Sprintf("question-%dx24", width), textOf(emulate(s)))
	}
}

// manyDocument returns a ceremony with many members. dave, in the middle, is missing.
func manyDocument(t testing.TB, members int) statuspage.Document {
	t.Helper()
	d := situations(t)["01-late-member"]
	c := *d.Ceremony
	c.Members = nil
	dave := members / 2
	for i := range members {
		m := d.Ceremony.Members[1]
		m.Name = fmt.Sprintf("member-%d", i)
		switch i {
		case c.Self:
			m = d.Ceremony.Members[c.Self]
		case dave:
			m = d.Ceremony.Members[3]
		}
		seen := []byte(strings.Repeat("=", members))
		seen[i], seen[dave] = '-', '!'
		if i == dave {
			seen = []byte(strings.Repeat("?", members))
		}
		m.Index, m.Links = i, string(seen)
		c.Members = append(c.Members, m)
	}
	waiting := *c.Waiting
	waiting.Members = []int{dave}
	c.Waiting = &waiting
	d.Ceremony = &c
	return d
}

func TestManyMembers(t *testing.T) {
	d := manyDocument(t, 100)
	requireGolden(t, "many-100x30", textOf(emulate(newScreen(d, 100, 30))))
	requireGolden(t, "many-240x60", textOf(emulate(newScreen(d, 240, 60))))
}

func TestChosenMemberIsShown(t *testing.T) {
	s := newScreen(manyDocument(t, 100), 100, 30)
	s.moved = true
	for s.selected = range 100 {
		text := textOf(emulate(s))
		require.Contains(t, text, fmt.Sprintf("%2d %s ", s.selected, s.doc.Ceremony.Members[s.selected].Name))
		require.Contains(t, text, "! 50 dave ", "%d is chosen", s.selected)
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, members := range []int{10, 100, 1024} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			s := newScreen(manyDocument(b, members), 120, 40)
			for b.Loop() {
				s.lines()
			}
		})
	}
}

// No word depends on its colour alone. The colours are readable on black and on white:
// WCAG asks for a contrast of 4.5.
func TestColoursOnBlackAndWhite(t *testing.T) {
	for _, c := range []color.RGBA{blue, orange, red} {
		light := luminance(c)
		require.Greater(t, (light+0.05)/0.05, 4.2, c)
		require.Greater(t, 1.05/(light+0.05), 4.2, c)
	}
}

func luminance(c color.RGBA) float64 {
	part := func(b uint8) float64 {
		if v := float64(b) / 255; v > 0.04045 {
			return math.Pow((v+0.055)/1.055, 2.4)
		}
		return float64(b) / 255 / 12.92
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}

func TestBeforeTheCeremony(t *testing.T) {
	s := newScreen(statuspage.Document{Now: time.Unix(0, 0)}, 60, 10)
	requireGolden(t, "start-60x10", textOf(emulate(s)))
}
