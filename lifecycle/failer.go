package lifecycle

import (
	"errors"
	"sync"

	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/logbridge"
)

// Failer ends an application once, with an exit code and with the cause in the log. Make one with [NewFailer], which
// can be passed to fx.Provide. Its methods are safe for concurrent use. Fail and Complete stop the application first
// and log second, and they wait at most 500 ms for the log.
type Failer struct {
	shutdowner fx.Shutdowner
	log        *logrus.Logger

	mu      sync.Mutex
	decided bool
	cause   error
}

// NewFailer returns a Failer for the application that sd shuts down. If log is nil, it uses logrus's standard logger.
func NewFailer(sd fx.Shutdowner, log *logrus.Logger) *Failer {
	return &Failer{shutdowner: sd, log: orStandard(log)}
}

// Fail stops the application with exit code 1 and logs err. After an earlier call of Fail or Complete it only logs err.
// It then uses debug level, or error level for a panic. Fail ignores a nil error.
func (f *Failer) Fail(err error) {
	if err == nil {
		return
	}
	if !f.decide(err) {
		briefly(func() { logLaterFailure(f.log, err) })
		return
	}
	undelivered := f.shutdowner.Shutdown(fx.ExitCode(1))
	briefly(func() {
		logFailure(f.log, logrus.ErrorLevel, err, "fatal failure, stopping the application with exit code 1")
		f.logUndelivered(undelivered)
	})
}

// Complete stops the application with exit code 0 and logs msg. After an earlier call of Fail or Complete it only logs
// msg, at debug level.
func (f *Failer) Complete(msg string) {
	if !f.decide(nil) {
		briefly(func() { f.log.Debug("complete, but the application is already stopping: " + msg) })
		return
	}
	undelivered := f.shutdowner.Shutdown(fx.ExitCode(0))
	briefly(func() {
		f.log.Info(msg)
		f.logUndelivered(undelivered)
	})
}

// Err returns the error that stopped the application, or nil.
func (f *Failer) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// decide records the cause and reports whether the caller is the first to decide.
func (f *Failer) decide(cause error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decided {
		return false
	}
	f.decided, f.cause = true, cause
	return true
}

// logUndelivered logs the error of Shutdown, if any. The error means that a receiver has not taken an earlier signal
// yet; the application stops because of that one. Shutdown returns no error when nobody is waiting for the signal: fx
// keeps the signal.
func (f *Failer) logUndelivered(err error) {
	if err != nil {
		f.log.WithError(err).Debug("the application is already stopping")
	}
}

// logFailure logs err at the given level. It adds the stack if err is a panic.
func logFailure(log *logrus.Logger, level logrus.Level, err error, msg string) {
	entry := log.WithError(err)
	if panicked, ok := errors.AsType[*PanicError](err); ok {
		entry = entry.WithField("stack", string(panicked.Stack))
	}
	entry.Log(level, msg)
}

// logLaterFailure logs a failure that follows the first one.
func logLaterFailure(log *logrus.Logger, err error) {
	level := logrus.DebugLevel
	if _, ok := errors.AsType[*PanicError](err); ok {
		level = logrus.ErrorLevel
	}
	logFailure(log, level, err, "a further failure, after the first or while stopping")
}

func orStandard(log *logrus.Logger) *logrus.Logger { return logbridge.Either(log, nil) }
