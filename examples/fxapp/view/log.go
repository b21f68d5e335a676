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

// release prints the lines that were kept, and has the next ones go to out directly.
func (l *Log) release(out io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.direct != nil {
		return
	}
	var b bytes.Buffer
	if l.dropped > 0 {
		fmt.Fprintf(&b, "… %d earlier lines are not shown\n", l.dropped)
	}
	for _, line := range l.lines {
		b.WriteString(clean(line) + "\n")
	}
	_, _ = out.Write(b.Bytes())
	l.lines, l.direct = nil, out
}
