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
	told atomic.Pointer[error] // the error of the last hook or constructor that failed
}

// NewFxLogger returns a logger for fx.WithLogger. It logs failures at error level and everything else at debug level.
// One failure is one line at error level: when fx says it again, as it does when it rolls back, that is at debug level.
// The details are in fields: function, caller, runtime, module, type, kind, method, signal, trace, error. Without a
// logger, logrus's standard logger is used.
func NewFxLogger(log *logrus.Logger) fxevent.Logger {
	return &fxLogger{log: orStandard(log)}
}

// WithFxLogger makes an application log its fx events as [NewFxLogger] does: through the *logrus.Logger of the graph if
// it has one (that very type: an interface is not found), else through its *slog.Logger, else through logrus's standard
// logger. After an fx.Error,
// which usually reports a bad configuration, it uses the standard logger too: fx then builds nothing.
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
			fields["trace"] = e.Trace // where fx.Invoke was called: long, and of use only to find the culprit
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
		l.told.Store(&e.StartErr) // the start says so again
		l.log.WithError(e.StartErr).Log(level, "fx: start failed, rolling back")
	case *fxevent.RolledBack:
		l.summarize("rollback", e.Err, nil)
	case *fxevent.LoggerInitialized:
		l.report("logger", e.Err, logrus.Fields{"function": e.ConstructorName})
	default:
		l.report("unknown event", nil, logrus.Fields{"type": fmt.Sprintf("%T", event)})
	}
}

// report writes one line about what: that it happened or, with an error, that it failed. Empty fields are left out.
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

// summarize is report for what fx says after hooks and constructors, with their errors.
func (l *fxLogger) summarize(what string, err error, fields logrus.Fields) {
	if l.summaryLevel(err) == logrus.ErrorLevel {
		l.report(what, err, fields)
		return
	}
	l.log.WithFields(fields).WithError(err).Debug("fx: " + what + " failed")
}

// summaryLevel returns the level of an error that may have been told already.
func (l *fxLogger) summaryLevel(err error) logrus.Level {
	if told := l.told.Load(); err != nil && told != nil && errors.Is(err, *told) {
		return logrus.DebugLevel
	}
	return logrus.ErrorLevel
}

func typeList(names []string) string { return strings.Join(names, ", ") }
