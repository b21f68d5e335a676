package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// process is a running fxapp. Its output is shown and kept.
type process struct {
	name string
	cmd  *exec.Cmd
	said *transcript
	over chan struct{} // closed when the process has ended
}

// start calls begin, which starts the command in the right place. The process is
// killed when ctx ends.
func start(
	ctx context.Context, name string, cmd *exec.Cmd, begin func(*exec.Cmd) error, show io.Writer,
) (*process, error) {
	p := &process{name: name, cmd: cmd, said: newTranscript(name, show), over: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.said, p.said
	if err := begin(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	stop := context.AfterFunc(ctx, p.kill)
	go func() {
		_ = cmd.Wait() // ProcessState has the result
		stop()
		p.said.close()
		close(p.over)
	}()
	return p, nil
}

// kill ends the process abruptly, as a power cut would.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// ask asks the process to end, as systemd and container engines do.
func (p *process) ask() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// exit waits for the end of the process. It returns the exit code, or -1 if the process was killed.
func (p *process) exit(ctx context.Context) (int, error) {
	select {
	case <-p.over:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for the end of %s: %w", p.name, context.Cause(ctx))
	}
}

// hasEnded reports whether the process has ended.
func (p *process) hasEnded() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// transcript is the output of a process, line by line.
type transcript struct {
	name string
	show io.Writer // gets one line in each Write

	mu    sync.Mutex
	rest  []byte // the beginning of a line that has not ended yet
	lines []string
	ended bool
	grown chan struct{} // closed when the next line arrives
}

func newTranscript(name string, show io.Writer) *transcript {
	return &transcript{name: name, show: show, grown: make(chan struct{})}
}

// Write takes output of the process.
func (t *transcript) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, text...)
	for {
		line, rest, found := bytes.Cut(t.rest, []byte("\n"))
		if !found {
			return len(text), nil
		}
		t.rest = rest
		t.add(string(line))
	}
}

func (t *transcript) add(line string) {
	t.lines = append(t.lines, line)
	close(t.grown)
	t.grown = make(chan struct{})
	_, _ = fmt.Fprintf(t.show, "%-6s| %s\n", t.name, line)
}

func (t *transcript) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		t.add(string(t.rest))
	}
	t.ended = true
	close(t.grown)
}

// find returns the first line that contains a text. If there is none yet, it returns a
// channel that is closed when there is more output. The channel is nil if there will be
// no more.
func (t *transcript) find(text string) (line string, found bool, grown <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.lines {
		if strings.Contains(line, text) {
			return line, true, nil
		}
	}
	if t.ended {
		return "", false, nil
	}
	return "", false, t.grown
}

// wait waits for a line that contains a text.
func (t *transcript) wait(ctx context.Context, text string) (string, error) {
	for {
		line, found, grown := t.find(text)
		switch {
		case found:
			return line, nil
		case grown == nil:
			return "", fmt.Errorf("%s ended without saying %q", t.name, text)
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for %s to say %q: %w", t.name, text, context.Cause(ctx))
		}
	}
}

// screen prints whole lines from several processes.
type screen struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *screen) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(line)
}
