package view

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// patience is how long a terminal may take to show the end.
const patience = time.Second

// Config says what a view shows, and where.
type Config struct {
	Source  func() statuspage.Document // returns what to show; called several times a second
	Quit    func()                     // called when the operator wants the node to stop; the view stays until Close
	In, Out *os.File                   // the terminal
	Last    bool                       // when the view ends, leave a summary of the ceremony in the terminal
}

// View is a terminal that shows a ceremony.
type View struct {
	Config
	Log *Log // the node's log goes here

	program *tea.Program
	before  *term.State
	ended   chan struct{}
}

// Fits reports whether a view can be shown: in and out must be a terminal that can move
// its cursor, and this process must be in the terminal's foreground.
func Fits(in, out any) bool {
	keys, ok := in.(*os.File)
	screen, isFile := out.(*os.File)
	return ok && isFile && term.IsTerminal(keys.Fd()) && term.IsTerminal(screen.Fd()) && isForeground(keys) &&
		os.Getenv("TERM") != "dumb"
}

// Start takes the terminal and shows the ceremony until Close.
func Start(c Config) (*View, error) {
	before, err := term.GetState(c.In.Fd())
	if err != nil {
		return nil, fmt.Errorf("reading the state of the terminal: %w", err)
	}
	v := &View{Config: c, Log: new(Log), before: before, ended: make(chan struct{})}
	m := &model{screen: screen{zone: time.Local}, source: c.Source, kept: v.Log, quit: c.Quit}
	m.look()
	v.program = tea.NewProgram(m, tea.WithInput(c.In), tea.WithOutput(c.Out), tea.WithoutSignalHandler())
	go func() {
		defer close(v.ended)
		if _, err := v.program.Run(); err != nil {
			v.Log.release(c.Out, "") // the view has ended
		}
	}()
	return v, nil
}

// Close gives the terminal back as it was, with the log in it. It does not wait for a
// terminal that takes no output.
func (v *View) Close() {
	go v.program.Quit()
	select {
	case <-v.ended:
	case <-time.After(patience):
	}
	_ = term.Restore(v.In.Fd(), v.before)
	summary := ""
	if v.Last {
		summary = v.summary()
	}
	v.Log.release(v.Out, summary)
}

// summary returns how the ceremony stands, for the terminal after the view is gone.
func (v *View) summary() string {
	const usual, tall = 80, 1000
	s := screen{width: usual, height: tall, doc: v.Source(), zone: time.Local}
	if w, _, err := term.GetSize(v.Out.Fd()); err == nil && w > 0 {
		s.width = w
	}
	c := s.doc.Ceremony
	if c == nil {
		return ""
	}
	t := s.table(c)
	lines := slices.Concat(
		[]string{""}, s.headline(c, tall), s.answers(c, allAnswers), s.phases(c, tall),
		[]string{"", t.head}, t.rows,
	)
	var b strings.Builder
	w := colorprofile.NewWriter(&b, os.Environ())
	w.Profile = colorprofile.Detect(v.Out, os.Environ())
	for _, line := range lines {
		_, _ = w.WriteString(strings.TrimRight(fit(line, s.width), " ") + "\n")
	}
	return b.String() + "\n"
}
