package view

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// operated returns a view without a terminal, and the number of times that it asked its
// node to stop.
func operated(t *testing.T) (m *model, stops *int) {
	t.Helper()
	d := situations(t)["03-broken-pair"]
	stops = new(int)
	m = &model{
		screen: *newScreen(d, 100, 30), kept: new(Log),
		source: func() statuspage.Document { return d }, quit: func() { *stops++ },
	}
	return m, stops
}

func typed(m *model, keys ...string) {
	for _, key := range keys {
		m.press(key)
	}
}

func TestQuittingIsAQuestion(t *testing.T) {
	for keys, want := range map[string]int{
		"q": 0, "q n": 0, "q esc": 0, "q q": 0, "q y": 1, "y": 0, "ctrl+c": 1, "q ctrl+c": 1,
	} {
		m, stops := operated(t)
		typed(m, strings.Fields(keys)...)
		require.Equal(t, want, *stops, keys)
	}
}

func TestKeysShowPages(t *testing.T) {
	m, _ := operated(t)
	for key, want := range map[string]page{
		"?": helpPage, "enter": memberPage, "d": diagnosisPage, "m": meshPage, "l": logPage,
	} {
		typed(m, key)
		require.Equal(t, want, m.page)
		typed(m, "esc")
		require.Equal(t, mainPage, m.page)
		typed(m, key, key)
		require.Equal(t, mainPage, m.page)
	}
}

// At first the details are those of a member that the node waits for.
func TestKeysChooseAMember(t *testing.T) {
	m, _ := operated(t)
	m.look()
	require.Equal(t, 1, m.selected)
	typed(m, "down")
	require.Equal(t, 1, m.selected)
	typed(m, "down", "down", "down", "down")
	require.Equal(t, 3, m.selected)
	m.look()
	require.Equal(t, 3, m.selected)
	typed(m, "home")
	require.Zero(t, m.selected)
}

func TestCopyingHandsOverTheDiagnosis(t *testing.T) {
	m, _ := operated(t)

	said := fmt.Sprint(m.press("c")())

	require.Contains(t, said, "Waiting for bob and carol, who cannot reach each other")
	require.Contains(t, m.notice, "clipboard")
}

func TestViewIsAnAltScreen(t *testing.T) {
	m, _ := operated(t)
	m.Update(tea.WindowSizeMsg{Width: 60, Height: 12})

	v := m.View()

	require.True(t, v.AltScreen)
	require.Len(t, strings.Split(v.Content, "\n"), 12)
}

func TestLogKeepsTheLastLines(t *testing.T) {
	l := new(Log)
	for i := range maxLines + 5 {
		_, _ = fmt.Fprintf(l, "line %d\n", i)
	}
	require.Equal(t, []string{fmt.Sprintf("line %d", maxLines+4)}, l.last(1))

	var out strings.Builder
	l.release(&out, "")
	_, _ = l.Write([]byte("later\n"))

	require.True(t, strings.HasPrefix(out.String(), "… 5 earlier lines are not shown\nline 5\n"))
	require.True(t, strings.HasSuffix(out.String(), "later\n"))
}

// deaf is a terminal that takes no output until the test ends.
type deaf struct{ reached, end chan struct{} }

func (s deaf) Write([]byte) (int, error) {
	close(s.reached)
	<-s.end
	return 0, errors.New("the terminal is gone")
}

func TestLogNeverWaitsForTheTerminal(t *testing.T) {
	l, terminal := new(Log), deaf{make(chan struct{}), make(chan struct{})}
	_, _ = l.Write([]byte("before\n"))
	released := make(chan struct{})
	go func() { defer close(released); l.release(terminal, "") }()
	<-terminal.reached

	_, err := l.Write([]byte("meanwhile\n")) // this must not hang

	require.NoError(t, err)
	require.Equal(t, []string{"meanwhile"}, l.last(10))
	l.last(0)
	l.mu.Lock()
	l.lines = nil
	l.mu.Unlock()
	close(terminal.end)
	<-released
}

// stuck is a terminal that takes output only once its channel is closed.
type stuck struct {
	goesOn chan struct{}
	strings.Builder
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.goesOn
	return s.Builder.Write(b)
}

func TestOnlyOneLineWaitsForAStuckTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, terminal := new(Log), &stuck{goesOn: make(chan struct{})}
		l.release(terminal, "")
		began := time.Now()

		for i := range 3 {
			_, _ = fmt.Fprintf(l, "line %d\n", i)
		}
		l.release(terminal, "the end\n")

		require.Equal(t, patience, time.Since(began))
		close(terminal.goesOn)
		synctest.Wait()
		_, _ = l.Write([]byte("later\n"))
		require.Equal(t, "line 0\nline 1\nline 2\nthe end\nlater\n", terminal.String())
	})
}
