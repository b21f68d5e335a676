package view

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	maxLines = 2000 // lines of the log that are kept while the view has the terminal
	maxLine  = 4096 // bytes of a line that are kept
)

// Log takes the node's log while a view has the terminal. Writing to it never waits for
// the terminal.
type Log struct {
	mu      sync.Mutex
	lines   []string
	dropped int
	direct  io.Writer // nil while the view has the terminal
}

// Write stores lines of the log, or prints them once the view is gone.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.direct != nil {
		return l.direct.Write(b)
	}
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		l.lines = append(l.lines, string(line[:min(len(line), maxLine)]))
	}
	if more := len(l.lines) - maxLines; more > 0 {
		l.dropped += more
		l.lines = slices.Delete(l.lines, 0, more)
	}
	return len(b), nil
}

// last returns the last n lines, or all if there are fewer.
func (l *Log) last(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[max(0, len(l.lines)-n):])
}

// release prints the kept lines. After that, lines go to out directly. While out takes
// nothing, lines are kept as before.
func (l *Log) release(out io.Writer) {
	for {
		text, empty := l.take(out)
		if empty {
			return
		}
		_, _ = out.Write(text)
	}
}

// take returns the kept lines. If there are none, the next lines go to out.
func (l *Log) take(out io.Writer) (text []byte, empty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		l.direct = out
		return nil, true
	}
	var b bytes.Buffer
	if l.dropped > 0 {
		fmt.Fprintf(&b, "… %d earlier lines are not shown\n", l.dropped)
	}
	for _, line := range l.lines {
		b.WriteString(clean(line) + "\n")
	}
	l.lines, l.dropped = nil, 0
	return b.Bytes(), false
}
