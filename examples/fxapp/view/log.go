package view

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

const (
	maxLines = 2000 // lines of the log that are kept while the view has the terminal
	maxLine  = 4096 // bytes of a line that are kept
)

// Log takes the node's log while a view has the terminal, and prints it afterwards.
// Writing to it does not wait for a terminal that takes no output.
type Log struct {
	mu      sync.Mutex
	lines   []string
	dropped int
	out     io.Writer     // nil while the view has the terminal
	after   string        // what to print behind the kept lines
	printed chan struct{} // closed when everything is printed; nil if nothing is left to print
	stuck   bool          // out has taken nothing for a while
}

// Write keeps lines of the log. Once the view is gone, it prints them.
func (l *Log) Write(b []byte) (int, error) {
	l.await(l.keep(b))
	return len(b), nil
}

// keep returns a channel that is closed when the lines are printed, or nil if nothing
// prints them now.
func (l *Log) keep(b []byte) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		if l.out == nil {
			line = line[:min(len(line), maxLine)]
		}
		l.lines = append(l.lines, string(line))
	}
	if more := len(l.lines) - maxLines; more > 0 {
		l.dropped += more
		l.lines = slices.Delete(l.lines, 0, more)
	}
	return l.print()
}

// last returns the last n lines, or all if there are fewer.
func (l *Log) last(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[max(0, len(l.lines)-n):])
}

// release prints the kept lines and the text after. Later lines go to out too.
func (l *Log) release(out io.Writer, after string) {
	l.mu.Lock()
	l.out, l.after = out, l.after+after
	printed := l.print()
	l.mu.Unlock()
	l.await(printed)
}

// await waits until everything is printed, or out has taken nothing for a while.
// After that, calls return at once, until out takes output again.
func (l *Log) await(printed <-chan struct{}) {
	if printed == nil {
		return
	}
	select {
	case <-printed:
	case <-time.After(patience):
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stuck = l.printed != nil
	}
}

// print lets a goroutine print what there is to print. It returns the channel to wait
// for, or nil if there is no need to wait. The caller holds the lock.
func (l *Log) print() <-chan struct{} {
	if l.out == nil || len(l.lines) == 0 && l.after == "" {
		return nil
	}
	if l.printed == nil {
		l.printed = make(chan struct{})
		go func(out io.Writer) {
			for text := l.take(); text != nil; text = l.take() {
				_, _ = out.Write(text)
			}
		}(l.out)
	}
	if l.stuck {
		return nil
	}
	return l.printed
}

// take returns what there is to print. If there is nothing, it is nil, and nobody needs
// to wait any longer.
func (l *Log) take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = false
	if len(l.lines) == 0 && l.after == "" {
		close(l.printed)
		l.printed = nil
		return nil
	}
	var b bytes.Buffer
	if l.dropped > 0 {
		fmt.Fprintf(&b, "… %d earlier lines are not shown\n", l.dropped)
	}
	for _, line := range l.lines {
		b.WriteString(clean(line) + "\n")
	}
	b.WriteString(l.after)
	l.lines, l.dropped, l.after = nil, 0, ""
	return b.Bytes()
}
