package view

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	maxLines = 2000 // of the log that are kept while the terminal is the view's
	maxLine  = 4096 // bytes of a line that are kept
)

// Log is where a node logs to while the terminal is a view's. Writing to it never waits
// for the terminal.
type Log struct {
	mu      sync.Mutex
	lines   []string
	dropped int
	direct  io.Writer // nil while the view has the terminal
}

// Write takes lines of the log.
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

// last returns the last lines, at most so many.
func (l *Log) last(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[max(0, len(l.lines)-n):])
}

// release prints the lines that were kept, and then has the next ones go to out directly.
// While out takes nothing, lines are kept as before.
func (l *Log) release(out io.Writer) {
	for {
		text, empty := l.take(out)
		if empty {
			return
		}
		_, _ = out.Write(text)
	}
}

// take returns the lines that are kept. If there are none, the next ones go to out.
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
