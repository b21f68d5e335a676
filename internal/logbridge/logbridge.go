// Package logbridge passes the lines of a logrus logger to a slog handler, for programs that do not use logrus.
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

// Either returns log if it is not nil. Otherwise it returns a logger that passes everything to other. If other is nil
// too, it returns logrus's standard logger.
func Either(log *logrus.Logger, other *slog.Logger) *logrus.Logger {
	switch {
	case log != nil:
		return log
	case other != nil:
		return New(other)
	}
	return logrus.StandardLogger()
}

// bridges holds the bridge of each slog.Logger in use. All parts of a program share the bridge, so a hook that one part
// adds to it sees the lines of the others.
var bridges = struct {
	sync.Mutex
	to map[weak.Pointer[slog.Logger]]weak.Pointer[logrus.Logger]
}{to: make(map[weak.Pointer[slog.Logger]]weak.Pointer[logrus.Logger])}

// New returns a logger that passes its lines to another logger. It keeps the level, the time and the context of a line.
// Handlers look for a span in the context. The fields become attributes, sorted by name. The handler decides which
// levels it accepts. New returns the same logger for the same slog.Logger.
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
	if bridges.to[key].Value() == nil { // otherwise another one was made meanwhile
		delete(bridges.to, key)
	}
}

// unformatted is a formatter that does nothing, because nobody reads the output.
type unformatted struct{}

// Format returns nothing.
func (unformatted) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// hook passes lines to a handler.
type hook struct{ to slog.Handler }

// Levels returns all levels.
func (hook) Levels() []logrus.Level { return logrus.AllLevels }

// levels maps logrus's levels to slog's. Levels that slog has no name for are below or above the named ones.
var levels = map[logrus.Level]slog.Level{
	logrus.TraceLevel: slog.LevelDebug - 4,
	logrus.DebugLevel: slog.LevelDebug,
	logrus.InfoLevel:  slog.LevelInfo,
	logrus.WarnLevel:  slog.LevelWarn,
	logrus.ErrorLevel: slog.LevelError,
	logrus.FatalLevel: slog.LevelError + 4,
	logrus.PanicLevel: slog.LevelError + 8,
}

// Enabled reports whether a handler accepts a line.
func Enabled(to slog.Handler, e *logrus.Entry) bool { return to.Enabled(contextOf(e), levels[e.Level]) }

func contextOf(e *logrus.Entry) context.Context {
	if e.Context == nil {
		return context.Background()
	}
	return e.Context
}

// Fire passes a line to the handler. It ignores the handler's error, as slog itself does.
func (h hook) Fire(e *logrus.Entry) error {
	if !Enabled(h.to, e) {
		return nil
	}
	record := slog.NewRecord(e.Time, levels[e.Level], e.Message, 0) // 0: the caller of a hook is not useful
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		value := e.Data[name]
		if err, ok := value.(error); ok {
			value = err.Error() // not every handler supports errors
		}
		record.AddAttrs(slog.Any(name, value))
	}
	_ = h.to.Handle(contextOf(e), record)
	return nil
}
