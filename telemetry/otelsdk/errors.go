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

// An SDK that cannot export says so over and over: after so many lines there is one every so often.
const (
	errorLines = 3
	errorPause = 10 * time.Second
)

// ownLine is in the context of a line about the SDK's own errors. Such a line is not exported: where exports fail they
// would feed themselves.
type ownLine struct{}

var ownLines = context.WithValue(context.Background(), ownLine{}, true)

// errorLog writes the errors of an SDK into the node's log, on a goroutine of its own: whoever has the error does not
// wait for the log.
type errorLog struct {
	log   *logrus.Logger
	lines chan func()
	done  chan struct{}

	mu     sync.Mutex
	closed bool
	limit  *rate.Limiter
	unsaid int // errors since the last line
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

// safely calls what may panic: a hook of the logger.
func safely(f func()) {
	defer func() { _ = recover() }()
	f()
}

// Handle writes an error, unless there are too many.
func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.limit.Allow() {
		l.unsaid++
		return
	}
	l.sayLocked("OpenTelemetry reports an error", err)
}

// say writes a line, and how many errors there was none about.
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
	if l.unsaid > 0 {
		fields["unsaid"] = l.unsaid
	}
	at := time.Now()
	line := func() { l.log.WithContext(ownLines).WithTime(at).WithFields(fields).Warn(text) }
	select {
	case l.lines <- line:
		l.unsaid = 0
	default: // the log hangs
		l.unsaid++
	}
}

// maxError is how many bytes of an error are logged.
const maxError = 512

// printable makes an error fit for the log: one line, short, and nothing that a terminal follows. It may quote a
// collector.
func printable(s string) string {
	s = s[:min(len(s), 4*maxError)] // a megabyte is not even looked at
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

// close waits until the lines are written, but not for a log that hangs.
func (l *errorLog) close(ctx context.Context) {
	l.mu.Lock()
	if l.unsaid > 0 {
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

// handler is OpenTelemetry's error handler while an app with this module runs. A program may have wrapped it meanwhile:
// then it leads to the handler from before. There is a new one whenever the first app starts, so that no two can lead
// to each other.
type handler struct {
	before otel.ErrorHandler

	mu   sync.Mutex
	logs []*errorLog // of the apps that run, in the order of their start
}

// current is the handler while an app runs.
var current struct {
	sync.Mutex
	*handler
}

// OpenTelemetry's default leads to the first handler that replaces it, so that one cannot lead back.
var (
	byDefault = reflect.TypeOf(otel.GetErrorHandler())
	instead   = log.New(os.Stderr, "", log.LstdFlags)
)

// handleErrors makes the errors of OpenTelemetry go to the log of an app too. When the last app ends the handler from
// before is put back, unless the program has set another one meanwhile.
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

// remove returns how many logs are left.
func (h *handler) remove(l *errorLog) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logs = slices.DeleteFunc(h.logs, func(other *errorLog) bool { return other == l })
	return len(h.logs)
}

// Handle passes an error on to every log once. It does not say whose SDK it is from.
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
