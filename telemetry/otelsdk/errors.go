package otelsdk

import (
	"context"
	"log"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"golang.org/x/time/rate"
)

// An SDK that cannot export keeps reporting errors. After errorLines lines, one line is logged every errorPause.
const (
	errorLines = 3
	errorPause = 10 * time.Second
)

// ownLine marks the context of a line about the SDK's own errors. Such a line is not exported. Otherwise each failed
// export would cause another one.
type ownLine struct{}

var ownLines = context.WithValue(context.Background(), ownLine{}, true)

// errorLog writes the errors of an SDK to the node's log. It writes on a goroutine of its own, so that the code that
// reports an error does not wait for the log.
type errorLog struct {
	log   *logrus.Logger
	lines chan func()
	done  chan struct{}

	mu        sync.Mutex
	closed    bool
	limit     *rate.Limiter
	notLogged int // errors since the last line
}

func newErrorLog(to *logrus.Logger) *errorLog {
	const atOnce = 16
	l := &errorLog{
		log: to, lines: make(chan func(), atOnce), done: make(chan struct{}),
		limit: rate.NewLimiter(rate.Every(errorPause), errorLines),
	}
	go func() {
		defer close(l.done)
		for line := range l.lines {
			safely(line)
		}
	}()
	return l
}

// safely calls a function that logs. A hook of the logger may panic.
func safely(f func()) {
	defer func() { _ = recover() }()
	f()
}

// Handle logs an error, unless there are too many.
func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.limit.Allow() {
		l.notLogged++
		return
	}
	l.sayLocked("OpenTelemetry reports an error", err)
}

// say logs a line with an error. The line also has the number of errors that were not logged.
func (l *errorLog) say(text string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sayLocked(text, err)
}

func (l *errorLog) sayLocked(text string, err error) {
	fields := make(logrus.Fields)
	if err != nil {
		fields["error"] = printable(err.Error())
	}
	if l.notLogged > 0 {
		fields["not_logged"] = l.notLogged
	}
	at := time.Now()
	line := func() { l.log.WithContext(ownLines).WithTime(at).WithFields(fields).Warn(text) }
	select {
	case l.lines <- line:
		l.notLogged = 0
	default: // the log hangs
		l.notLogged++
	}
}

// maxError is the maximum number of bytes of an error in the log.
const maxError = 512

// printable makes the text of an error safe for the log: one short line without control characters. The text may quote
// a collector.
func printable(s string) string {
	s = s[:min(len(s), 4*maxError)] // do not process a megabyte
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
	if len(s) > maxError {
		const mark = "…"
		s = strings.ToValidUTF8(s[:maxError-len(mark)], "") + mark
	}
	return s
}

// logLimit is how long a log may hold up a stop.
const logLimit = 500 * time.Millisecond

// close waits until all lines are written, or for at most logLimit if the log hangs.
func (l *errorLog) close(ctx context.Context) {
	l.mu.Lock()
	if l.notLogged > 0 {
		l.sayLocked("OpenTelemetry reported more errors", nil)
	}
	l.closed = true
	close(l.lines)
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, logLimit)
	defer cancel()
	select {
	case <-l.done:
	case <-ctx.Done():
	}
}

// handler is OpenTelemetry's error handler while an app with this module runs. A program may wrap this handler and keep
// using it after the stop. Then this handler passes errors on to the handler that it replaced. Whenever an app starts
// while no other app is running, a new handler is made, so that no two handlers can pass errors on to each other.
type handler struct {
	before otel.ErrorHandler

	mu   sync.Mutex
	logs []*errorLog // of the running apps, in the order of their start
}

// current is the handler while an app runs.
var current struct {
	sync.Mutex
	*handler
}

// OpenTelemetry's default handler passes its errors on to the first handler that replaces it. Therefore the first
// handler must not lead back to the default. It prints the error itself instead.
var (
	byDefault = reflect.TypeOf(otel.GetErrorHandler())
	instead   = log.New(os.Stderr, "", log.LstdFlags)
)

// handleErrors sends OpenTelemetry's errors to the log of one more app. When the last app ends, release puts the old
// handler back, unless the program has set another one meanwhile.
func handleErrors(l *errorLog) (release func()) {
	current.Lock()
	defer current.Unlock()
	if current.handler == nil {
		current.handler = &handler{before: otel.GetErrorHandler()}
		otel.SetErrorHandler(current.handler)
	}
	h := current.handler
	h.add(l)
	return func() {
		current.Lock()
		defer current.Unlock()
		if h.remove(l) > 0 {
			return
		}
		current.handler = nil
		if otel.GetErrorHandler() == otel.ErrorHandler(h) {
			otel.SetErrorHandler(h.before)
		}
	}
}

func (h *handler) add(l *errorLog) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logs = append(h.logs, l)
}

// remove removes a log and returns how many are left.
func (h *handler) remove(l *errorLog) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logs = slices.DeleteFunc(h.logs, func(other *errorLog) bool { return other == l })
	return len(h.logs)
}

// Handle passes an error to each log once. The error does not say which app's SDK it comes from.
func (h *handler) Handle(err error) {
	h.mu.Lock()
	logs := slices.Clone(h.logs)
	h.mu.Unlock()
	switch {
	case len(logs) > 0:
	case reflect.TypeOf(h.before) == byDefault:
		instead.Print(err)
	default:
		h.before.Handle(err)
	}
	told := make(map[*logrus.Logger]bool, len(logs))
	for _, l := range logs {
		if !told[l.log] {
			told[l.log] = true
			l.Handle(err)
		}
	}
}
