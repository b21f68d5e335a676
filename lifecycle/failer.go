package lifecycle

import (
	"errors"
	"sync"

	"github.com/sirupsen/logrus"
	"go.uber.org/fx"
)

// Failer ends an application for a reason: with an exit code, with the cause in the log, and once. Make one with
// [NewFailer], which fx.Provide takes as it is. Its methods are safe for concurrent use and do not block.
type Failer struct {
	shutdowner fx.Shutdowner
	log        *logrus.Logger

	mu      sync.Mutex
	decided bool
	cause   error
}

// NewFailer returns a Failer for the application of sd. Without a logger, logrus's standard logger is used.
func NewFailer(sd fx.Shutdowner, log *logrus.Logger) *Failer {
	return &Failer{shutdowner: sd, log: orStandard(log)}
}

// Fail logs err and stops the application with exit code 1, unless an earlier Fail or Complete has decided already.
// A nil error is no failure.
func (f *Failer) Fail(err error) {
	if err == nil {
		return
	}
	if !f.decide(err) {
		logLaterFailure(f.log, err)
		return
	}
	logFailure(f.log, logrus.ErrorLevel, err, "fatal failure, stopping with exit code 1")
	f.shutdown(1)
}

// Complete logs msg and stops the application with exit code 0, unless an earlier Fail or Complete has decided already.
func (f *Failer) Complete(msg string) {
	if !f.decide(nil) {
		f.log.Debug("complete, but the application is stopping already: " + msg)
		return
	}
	f.log.Info(msg)
	f.shutdown(0)
}

// Err returns what the application fails with, or nil.
func (f *Failer) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// decide reports whether the caller is the first.
func (f *Failer) decide(cause error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decided {
		return false
	}
	f.decided, f.cause = true, cause
	return true
}

func (f *Failer) shutdown(code int) {
	// An error means that somebody who waits has not taken an earlier signal yet: the application stops for that one.
	// There is none when nobody waits so far: fx keeps the signal for whoever asks first.
	if err := f.shutdowner.Shutdown(fx.ExitCode(code)); err != nil {
		f.log.WithError(err).Debug("the application is stopping already")
	}
}

// logFailure logs err at a level, with the stack if it was a panic.
func logFailure(log *logrus.Logger, level logrus.Level, err error, msg string) {
	entry := log.WithError(err)
	if panicked, ok := errors.AsType[*PanicError](err); ok {
		entry = entry.WithField("stack", string(panicked.Stack))
	}
	entry.Log(level, msg)
}

// logLaterFailure logs what failed after the cause was known.
func logLaterFailure(log *logrus.Logger, err error) {
	level := logrus.DebugLevel
	if _, ok := errors.AsType[*PanicError](err); ok {
		level = logrus.ErrorLevel
	}
	logFailure(log, level, err, "a further failure, after the first or while stopping")
}

func orStandard(log *logrus.Logger) *logrus.Logger {
	if log == nil {
		return logrus.StandardLogger()
	}
	return log
}
