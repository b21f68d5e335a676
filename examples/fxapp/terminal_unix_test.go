//go:build linux || darwin

package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// window is a terminal in which the program runs.
type window struct {
	t        *testing.T
	pty, tty *os.File
	before   *term.State

	mu       sync.Mutex
	emulator *vt.Emulator
	raw      bytes.Buffer
	changed  chan struct{}

	env    []string
	cmd    *exec.Cmd
	stdout bytes.Buffer // used only if the program's output does not go to the window
}

func newWindow(t *testing.T, width, height uint16) *window {
	t.Helper()
	w := &window{t: t, emulator: vt.NewEmulator(int(width), int(height)), changed: make(chan struct{}, 1)}
	var err error
	w.pty, w.tty, err = pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(w.tty, &pty.Winsize{Rows: height, Cols: width}))
	w.before, err = term.GetState(w.tty.Fd())
	require.NoError(t, err)
	t.Cleanup(func() { _ = errors.Join(w.tty.Close(), w.pty.Close()) })
	return w
}

// run runs the program in the window.
func (w *window) run(args ...string) {
	w.t.Helper()
	w.start(w.tty, append([]string{os.Args[0]}, args...)...)
	w.read()
}

// read reads what the program writes, and sends back what the terminal answers.
func (w *window) read() {
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(w.pty, w.emulator) }) // the terminal's answers
	reading.Go(func() { _, _ = io.Copy(w, w.pty) })
	w.t.Cleanup(func() { // runs before the window is closed
		_ = w.tty.Close()
		_ = w.pty.Close()
		if answers, ok := w.emulator.InputPipe().(io.Closer); ok {
			_ = answers.Close()
		}
		reading.Wait()
	})
}

func (w *window) start(stdout io.Writer, command ...string) {
	w.t.Helper()
	w.cmd = exec.CommandContext(w.t.Context(), command[0], command[1:]...)
	w.cmd.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm-256color", "COLORTERM=truecolor")
	w.cmd.Env = append(w.cmd.Env, w.env...)
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = w.tty, stdout, w.tty
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(w.t, w.cmd.Start())
}

// Write stores what the program writes.
func (w *window) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.raw.Write(b)
	n, err := w.emulator.Write(b)
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return n, err
}

// text returns what the window shows.
func (w *window) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.emulator.String()
}

// written returns everything that the program has written.
func (w *window) written() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.raw.String()
}

// until waits until the window shows the words.
func (w *window) until(words string) {
	w.t.Helper()
	w.await(func() bool { return strings.Contains(strings.Join(strings.Fields(w.text()), " "), words) }, words)
}

// await waits until so returns true. It calls so again each time the program has
// written something.
func (w *window) await(so func() bool, what ...string) {
	w.t.Helper()
	ctx := aMinute(w.t)
	for !so() {
		select {
		case <-w.changed:
		case <-ctx.Done():
			require.Failf(w.t, "the window never showed it", "%q, but:\n%s", what, w.text())
		}
	}
}

func (w *window) types(keys string) {
	w.t.Helper()
	_, err := w.pty.WriteString(keys)
	require.NoError(w.t, err)
}

func (w *window) resize(width, height uint16) {
	w.t.Helper()
	w.mu.Lock()
	w.emulator.Resize(int(width), int(height))
	w.mu.Unlock()
	require.NoError(w.t, pty.Setsize(w.tty, &pty.Winsize{Rows: height, Cols: width}))
}

// code waits for the program to end, and returns its exit code.
func (w *window) code() int {
	w.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.cmd.Wait() // code() returns the exit code
	}()
	select {
	case <-ended:
	case <-aMinute(w.t).Done():
		_ = w.cmd.Process.Kill()
		require.Failf(w.t, "the program has not ended", "%s", w.text())
	}
	return w.cmd.ProcessState.ExitCode()
}

// requireClean requires that the terminal is as it was before the program, apart from
// the words.
func (w *window) requireClean(words string) {
	w.t.Helper()
	w.until(words)
	after, err := term.GetState(w.tty.Fd())
	require.NoError(w.t, err)
	require.Equal(w.t, w.before, after)
	w.mu.Lock()
	defer w.mu.Unlock()
	require.False(w.t, w.emulator.IsAltScreen())
	require.False(w.t, w.emulator.CursorHidden())
}

func TestViewThenQuit(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 100, 30)
	w.run(newSite(t).node("alice")...)
	w.until("for bob to connect")
	w.until("Can I stop this node now? Yes. This node is not ready")
	w.resize(50, 12)
	w.until("Is it me? Perhaps Has it failed? No Who was slow? bob Can I stop")
	w.resize(140, 40)
	w.until("nobody reaches it")
	w.types("q")
	w.until("Stop this node? y yes n no This node is not ready")
	w.types("n")
	w.until("? help")
	w.types("q")
	w.until("Stop this node?")
	w.types("y")

	require.Equal(t, exitSignal+int(syscall.SIGINT), w.code())
	w.requireClean("fxapp: interrupted by SIGINT: this node left before step 1")
}

func TestViewOfARehearsal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := newWindow(t, 110, 36)
	w.run(s.rehearse("alice", "--watch")...)
	w.until("REHEARSAL This is a rehearsal: the ceremony would wait for bob")
	bob := s.bobTakesPart(t, syncmod.Config{})
	w.until("REHEARSAL This is a rehearsal: the ceremony could begin")
	w.until("1 bob direct")
	w.types("q")
	w.until("Stop this node? y yes n no Stopping a rehearsal harms nobody")
	w.types("y")

	require.Equal(t, exitSignal+int(syscall.SIGINT), w.code())
	w.requireClean("the rehearsal changed nothing in the cluster: this node took no part")
	w.until("all 2 members are ready")
	w.until("REHEARSAL This is a rehearsal: the ceremony could begin")
	require.Equal(t, 1, strings.Count(w.text(), "1 bob"), "the view's last screen is the result")
	require.NoError(t, bob.Err())
	require.Zero(t, bob.Status().Step)
}

func TestPlainRehearsals(t *testing.T) {
	t.Parallel()
	for shown, args := range map[string][]string{
		"1 bob": {"--watch", "--plain"}, `"name":"bob"`: {"--watch", "--log-format", "json"}, "only looks at": {},
	} {
		w := newWindow(t, 600, 50)
		w.run(newSite(t).rehearse("alice", args...)...)
		w.until(shown)
		require.NoError(t, w.cmd.Process.Signal(syscall.SIGINT))

		require.Equal(t, exitSignal+int(syscall.SIGINT), w.code(), shown)
		w.requireClean("interrupted by SIGINT")
		require.NotContains(t, w.written(), "\x1b[", shown)
	}
}

// If a watch prints to a file, the terminal shows no view.
func TestPlainRehearsalToAFile(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 200, 50)
	rehearse := newSite(t).rehearse("alice", "--watch", "--timeout", "500ms")
	w.start(&w.stdout, append([]string{os.Args[0]}, rehearse...)...)
	w.read()

	require.Equal(t, exitFailed, w.code())
	require.Contains(t, w.stdout.String(), "what is wrong")
	require.NotContains(t, w.written(), "\x1b[")
}

func TestViewThenCtrlC(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 80, 24)
	w.run(newSite(t).node("alice")...)
	w.until("for bob to connect")
	w.types("\x1a") // Ctrl-Z does nothing: the others would miss a stopped node
	w.types("\x03")

	require.Equal(t, exitSignal+int(syscall.SIGINT), w.code())
	w.requireClean("fxapp: interrupted by SIGINT")
}

func TestViewThenSIGTERM(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 80, 24)
	w.run(newSite(t).node("alice")...)
	w.until("for bob to connect")
	require.NoError(t, w.cmd.Process.Signal(syscall.SIGTERM))

	require.Equal(t, exitSignal+int(syscall.SIGTERM), w.code())
	w.requireClean("fxapp: interrupted by SIGTERM")
}

func TestViewThenComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := newWindow(t, 120, 60)
	w.run(s.node("alice")...)
	w.until("for bob to connect")
	code, _, stderr := execute(t, s.node("bob")...)
	require.Zero(t, code, stderr)

	require.Zero(t, w.code())
	w.requireClean("all 2 members have attested the same group key")
	w.until("COMPLETE The ceremony is complete")
	w.until("operator 1 (bob) connected (2 of 2 connected)")
}

func TestViewCopiesTheDiagnosis(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 80, 24)
	w.run(newSite(t).node("alice")...)
	w.until("for bob to connect")
	w.types("c")
	w.until("The diagnosis is in the clipboard")
	w.await(func() bool { return strings.Contains(w.written(), "\x1b]52;c;") }) // the view says so before
	w.types("\x03")
	w.code()

	_, after, found := strings.Cut(w.written(), "\x1b]52;c;")
	require.True(t, found)
	encoded, _, _ := strings.Cut(after, "\x07")
	copied, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	require.Contains(t, string(copied), "as operator 0 (alice) sees it at")
}

// fill stops the window from taking output, as after Ctrl-S, until the returned
// function is called.
func (w *window) fill() (again func()) {
	w.t.Helper()
	w.mu.Lock() // while the lock is held, Write blocks, so the window takes no more output
	tty, err := syscall.Open(w.tty.Name(), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	require.NoError(w.t, err)
	defer syscall.Close(tty) //nolint:errcheck // it is full
	for junk := bytes.Repeat([]byte("x"), 1024); err == nil; {
		_, err = syscall.Write(tty, junk)
	}
	require.ErrorIs(w.t, err, syscall.EAGAIN)
	return w.mu.Unlock
}

// A terminal that takes no output costs frames, nothing else.
func TestNodeOfStoppedTerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := newWindow(t, 200, 60)
	w.start(&w.stdout, append([]string{os.Args[0]}, s.node("alice")...)...)
	w.read()
	w.until("for bob to connect")
	again := w.fill()
	ended := make(chan error, 1)
	go func() { ended <- w.cmd.Wait() }()

	code, _, stderr := execute(t, s.node("bob")...)

	require.Zero(t, code, stderr)
	select {
	case err := <-ended:
		require.NoError(t, err)
		require.Contains(t, w.stdout.String(), "all 2 members have attested the same group key")
	case <-aMinute(t).Done():
		_ = w.cmd.Process.Kill()
		t.Error("the node waits for its terminal")
	}
	again()
}

func TestPlainInATerminal(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--plain"}, {"--log-format", "json"}} {
		w := newWindow(t, 400, 24)
		w.run(newSite(t).node("alice", args...)...)
		w.until("ceremony opened")
		require.NoError(t, w.cmd.Process.Signal(syscall.SIGINT))

		require.Equal(t, exitSignal+int(syscall.SIGINT), w.code())
		w.requireClean("interrupted by SIGINT")
		require.NotContains(t, w.written(), "\x1b[")
	}
}

// The system would stop a background program that changed its terminal.
func TestPlainInTheBackground(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 400, 24)
	node := "'" + strings.Join(append([]string{os.Args[0]}, newSite(t).node("alice")...), "' '") + "'"
	w.start(w.tty, "sh", "-c", "set -m; "+node+" & read line; kill -INT $!; wait $!")
	w.read()
	w.until("ceremony opened")
	w.types("\n")

	require.Equal(t, exitSignal+int(syscall.SIGINT), w.code(), w.written())
	require.NotContains(t, w.written(), "\x1b[")
}

func TestViewWithoutColours(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 80, 24)
	w.env = []string{"NO_COLOR=1"}
	w.run(newSite(t).node("alice")...)
	w.until("for bob to connect")
	w.types("\x03")
	w.code()

	require.NotRegexp(t, `\x1b\[[0-9;:]*\b([34][0-8]|9[0-7])\b[0-9;:]*m`, w.written())
}

// A demo that takes a while is shown. At the end only the report remains in the terminal.
func TestViewOfTheDemo(t *testing.T) {
	t.Parallel()
	w := newWindow(t, 130, 60)
	w.run("demo", "--late", "4s")
	w.until("for dave to connect")
	w.until("? help")

	require.Zero(t, w.code())
	w.requireClean("receipt: all 4 attest result")
	require.NotContains(t, w.text(), "Can I stop this node now?")
}
