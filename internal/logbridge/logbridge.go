// Package logbridge lets what logs through logrus reach a slog handler, for programs that have no logrus.
package logbridge

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/sirupsen/logrus"
)

// Either returns log, or else a logger that passes everything on to the other one, or else logrus's standard logger.
func Either(log *logrus.Logger, other *slog.Logger) *logrus.Logger {
	switch {
	case log != nil:
		return log
	case other != nil:
		return New(other)
	}
	return logrus.StandardLogger()
}

// bridges has the logger of each slog.Logger that is in use, so that a hook which one part of a program adds sees the
// lines of the others.
var bridges = struct {
	sync.Mutex
	to map[weak.Pointer[slog.Logger]]weak.Pointer[logrus.Logger]
}{to: make(map[weak.Pointer[slog.Logger]]weak.Pointer[logrus.Logger])}

// New returns a logger that passes everything on: the level, the time, the fields as attributes in the order of their
// names, and the context of a line, in which handlers look for a span. The handler decides which levels it wants. For
// one slog.Logger there is one such logger.
func New(to *slog.Logger) *logrus.Logger {
	bridges.Lock()
	defer bridges.Unlock()
	key := weak.Make(to)
	if made := bridges.to[key].Value(); made != nil {
		return made
	}
	log := &logrus.Logger{
		Out: io.Discard, Formatter: unformatted{}, Hooks: make(logrus.LevelHooks), Level: logrus.TraceLevel,
		ExitFunc: logrus.StandardLogger().ExitFunc,
	}
	log.AddHook(hook{to.Handler()})
	bridges.to[key] = weak.Make(log)
	runtime.AddCleanup(log, forget, key)
	return log
}

func forget(key weak.Pointer[slog.Logger]) {
	bridges.Lock()
	defer bridges.Unlock()
	if bridges.to[key].Value() == nil { // unless another one has been made meanwhile
		delete(bridges.to, key)
	}
}

// unformatted saves the work for an output that nobody reads.
type unformatted struct{}

// Format returns nothing.
func (unformatted) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// hook passes lines on.
type hook struct{ to slog.Handler }

// Levels returns all levels.
func (hook) Levels() []logrus.Level { return logrus.AllLevels }

// The levels of logrus that slog has no name for lie between those that it has.
var levels = map[logrus.Level]slog.Level{
	logrus.TraceLevel: slog.LevelDebug - 4,
	logrus.DebugLevel: slog.LevelDebug,
	logrus.InfoLevel:  slog.LevelInfo,
	logrus.WarnLevel:  slog.LevelWarn,
	logrus.ErrorLevel: slog.LevelError,
	logrus.FatalLevel: slog.LevelError + 4,
	logrus.PanicLevel: slog.LevelError + 8,
}

// Enabled tells whether a handler wants a line.
func Enabled(to slog.Handler, e *logrus.Entry) bool { return to.Enabled(contextOf(e), levels[e.Level]) }

func contextOf(e *logrus.Entry) context.Context {
	if e.Context == nil {
		return context.Background()
	}
	return e.Context
}

// Fire passes a line on. What the handler fails with is nobody's business, as with slog itself.
func (h hook) Fire(e *logrus.Entry) error {
	if !Enabled(h.to, e) {
		return nil
	}
	record := slog.NewRecord(e.Time, levels[e.Level], e.Message, 0) // where a hook is called from is of no use
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		value := e.Data[name]
		if err, ok := value.(error); ok {
			value = err.Error() // not every handler knows errors
		}
		record.AddAttrs(slog.Any(name, value))
	}
	_ = h.to.Handle(contextOf(e), record)
	return nil
}
