package view

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// pace is the time between two looks at the node. If a look takes long, the view waits
// 20 times as long (sparse) before the next one.
const (
	pace   = 200 * time.Millisecond
	sparse = 20
)

// model is the view in the form that Bubble Tea runs.
type model struct {
	screen
	source func() statuspage.Document
	kept   *Log
	quit   func()
}

type tick struct{}

func next(took time.Duration) tea.Cmd {
	return tea.Tick(max(pace, sparse*took), func(time.Time) tea.Msg { return tick{} })
}

// Init implements [tea.Model].
func (m *model) Init() tea.Cmd { return next(0) }

// Update implements [tea.Model].
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tick:
		began := time.Now()
		m.look()
		return m, next(time.Since(began))
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		cmd := m.press(msg.String())
		return m, cmd
	}
	return m, nil
}

// look takes the current document and log lines.
func (m *model) look() {
	m.doc = m.source()
	m.log = m.kept.last(maxLines)
	if c := m.doc.Ceremony; c != nil && !m.moved {
		m.selected = matters(c)[0]
	}
}

// View implements [tea.Model].
func (m *model) View() tea.View {
	v := tea.NewView("")
	if m.width > 0 {
		v.SetContent(strings.Join(m.lines(), "\n"))
	}
	v.AltScreen = true
	return v
}

func (m *model) press(key string) tea.Cmd {
	m.notice = ""
	if m.asking {
		m.asking = false
		if key == "y" || key == "ctrl+c" {
			m.quit()
		}
		return nil
	}
	switch key {
	case "ctrl+c":
		m.quit()
	case "q":
		m.asking = true
	case "c":
		return m.copyDiagnosis()
	case "esc":
		m.show(mainPage)
	case "?", "h":
		m.show(helpPage)
	case "enter":
		m.show(memberPage)
	case "d":
		m.show(diagnosisPage)
	case "m":
		m.show(meshPage)
	case "l":
		m.show(logPage)
		m.scroll = maxLines * maxLine // the end of the page
	default:
		m.move(key)
	}
	return nil
}

// show opens a page, or closes it if it is open.
func (m *model) show(p page) {
	if p == m.page || m.doc.Ceremony == nil {
		p = mainPage
	}
	m.page, m.scroll = p, 0
}

// move scrolls a page or chooses a member.
func (m *model) move(key string) {
	by := map[string]int{
		"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -m.height / 2, "pgdown": m.height / 2,
		"home": -maxLines * maxLine, "end": maxLines * maxLine,
	}[key]
	c := m.doc.Ceremony
	switch {
	case by == 0 || c == nil:
	case m.page != mainPage && m.page != memberPage:
		m.scroll += by
	case !m.moved:
		m.moved = true
	default:
		m.selected = max(0, min(m.selected+by, len(c.Members)-1))
	}
}

// copyDiagnosis copies the diagnosis to the terminal's clipboard.
func (m *model) copyDiagnosis() tea.Cmd {
	if m.doc.Ceremony == nil {
		return nil
	}
	m.notice = "The diagnosis is in the clipboard, if the terminal allows that (OSC 52); d shows it"
	return tea.SetClipboard(diagnosis(m.doc.Ceremony))
}
