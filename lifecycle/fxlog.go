package lifecycle

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/internal/logbridge"
)

type fxLogger struct {
	log  *logrus.Logger
	told atomic.Pointer[error] // the error that was logged last
}

// NewFxLogger returns a logger for fx.WithLogger. It logs failures at error level and everything else at debug level.
// Each failure is one line at error level. When fx repeats a failure, as it does when it rolls back, the repetition is
// logged at debug level. The details are in fields: function, caller, runtime, module, type, kind, method, signal,
// trace, error. If log is nil, the logger uses logrus's standard logger.
func NewFxLogger(log *logrus.Logger) fxevent.Logger {
	return &fxLogger{log: orStandard(log)}
}

// WithFxLogger makes an application log its fx events as [NewFxLogger] does. It uses the *logrus.Logger in the graph.
// If the graph has none, it uses the *slog.Logger in the graph. If the graph has neither, it uses logrus's standard
// logger. It looks for the type *logrus.Logger itself, not for an interface. After an fx.Error, which usually reports a
// bad configuration, it uses the standard logger too, because fx then builds nothing.
func WithFxLogger() fx.Option {
	type params struct {
		fx.In

		Log  *logrus.Logger `optional:"true"`
		Slog *slog.Logger   `optional:"true"`
	}
	return fx.WithLogger(func(p params) fxevent.Logger { return NewFxLogger(logbridge.Either(p.Log, p.Slog)) })
}

// LogEvent implements fxevent.Logger.
func (l *fxLogger) LogEvent(event fxevent.Event) {
	switch e := event.(type) {
	case *fxevent.OnStartExecuting:
		l.report("OnStart hook starts", nil, logrus.Fields{"function": e.FunctionName, "caller": e.CallerName})
	case *fxevent.OnStartExecuted:
		l.report("OnStart hook", e.Err, logrus.Fields{
			"function": e.FunctionName, "caller": e.CallerName, "method": e.Method, "runtime": e.Runtime.String(),
		})
	case *fxevent.OnStopExecuting:
		l.report("OnStop hook starts", nil, logrus.Fields{"function": e.FunctionName, "caller": e.CallerName})
	case *fxevent.OnStopExecuted:
		l.report("OnStop hook", e.Err, logrus.Fields{
			"function": e.FunctionName, "caller": e.CallerName, "runtime": e.Runtime.String(),
		})
	case *fxevent.Supplied:
		l.report("supply", e.Err, logrus.Fields{"type": e.TypeName, "module": e.ModuleName})
	case *fxevent.Provided:
		l.report("provide", e.Err, logrus.Fields{
			"function": e.ConstructorName, "type": typeList(e.OutputTypeNames), "module": e.ModuleName,
		})
	case *fxevent.Replaced:
		l.report("replace", e.Err, logrus.Fields{"type": typeList(e.OutputTypeNames), "module": e.ModuleName})
	case *fxevent.Decorated:
		l.report("decorate", e.Err, logrus.Fields{
			"function": e.DecoratorName, "type": typeList(e.OutputTypeNames), "module": e.ModuleName,
		})
	case *fxevent.BeforeRun:
		l.report("constructor starts", nil, logrus.Fields{"function": e.Name, "kind": e.Kind, "module": e.ModuleName})
	case *fxevent.Run:
		l.report("constructor", e.Err, logrus.Fields{
			"function": e.Name, "kind": e.Kind, "module": e.ModuleName, "runtime": e.Runtime.String(),
		})
	case *fxevent.Invoking:
		l.report("invoke starts", nil, logrus.Fields{"function": e.FunctionName, "module": e.ModuleName})
	case *fxevent.Invoked:
		fields := logrus.Fields{"function": e.FunctionName, "module": e.ModuleName}
		if e.Err != nil {
			fields["trace"] = e.Trace // where fx.Invoke was called; it is long, and only useful to find the culprit
		}
		l.summarize("invoke", e.Err, fields)
	case *fxevent.Started:
		l.summarize("application start", e.Err, nil)
	case *fxevent.Stopping:
		l.report("application stops", nil, logrus.Fields{"signal": fmt.Sprint(e.Signal)})
	case *fxevent.Stopped:
		l.summarize("application stop", e.Err, nil)
	case *fxevent.RollingBack:
		level := l.summaryLevel(e.StartErr)
		l.told.Store(&e.StartErr) // fx repeats it in Started
		l.log.WithError(e.StartErr).Log(level, "fx: start failed, rolling back")
	case *fxevent.RolledBack:
		l.summarize("rollback", e.Err, nil)
	case *fxevent.LoggerInitialized:
		l.report("logger", e.Err, logrus.Fields{"function": e.ConstructorName})
	default:
		l.report("unknown event", nil, logrus.Fields{"type": fmt.Sprintf("%T", event)})
	}
}

// report writes one line that says that something happened or, if err is not nil, that it failed. It leaves out empty
// fields.
func (l *fxLogger) report(what string, err error, fields logrus.Fields) {
	maps.DeleteFunc(fields, func(_ string, value any) bool { return value == "" })
	entry := l.log.WithFields(fields)
	if err != nil {
		l.told.Store(&err)
		entry.WithError(err).Error("fx: " + what + " failed")
		return
	}
	entry.Debug("fx: " + what)
}

// summarize is like report, for events that repeat the error of a hook or a constructor. It logs a repeated error at
// debug level.
func (l *fxLogger) summarize(what string, err error, fields logrus.Fields) {
	if l.summaryLevel(err) == logrus.ErrorLevel {
		l.report(what, err, fields)
		return
	}
	l.log.WithFields(fields).WithError(err).Debug("fx: " + what + " failed")
}

// summaryLevel returns debug level for an error that was logged before, and error level otherwise.
func (l *fxLogger) summaryLevel(err error) logrus.Level {
	if told := l.told.Load(); err != nil && told != nil && errors.Is(err, *told) {
		return logrus.DebugLevel
	}
	return logrus.ErrorLevel
}

func typeList(names []string) string { return strings.Join(names, ", ") }
