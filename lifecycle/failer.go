package lifecycle

import (
	"errors"
	"sync"

	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/logbridge"
)

// Failer ends an application for a reason: with an exit code, with the cause in the log, and once. Make one with
// [NewFailer], which fx.Provide takes as it is. Its methods are safe for concurrent use. They stop the application
// first and log second, and wait for the log for at most 500 ms.
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

// Fail stops the application with exit code 1 and logs err, unless an earlier Fail or Complete has decided already.
// A nil error is no failure.
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

// Complete stops the application with exit code 0 and logs msg, unless an earlier Fail or Complete has decided already.
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

// Err returns the error that the application fails with, or nil.
func (f *Failer) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

// decide reports whether the caller is the first to decide.
func (f *Failer) decide(cause error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decided {
		return false
	}
	f.decided, f.cause = true, cause
	return true
}

// logUndelivered logs the error of a Shutdown, if any. It means that a receiver has not taken an earlier signal yet,
// and the application stops for that one. It is no error if nobody waits for the signal yet: fx keeps it.
func (f *Failer) logUndelivered(err error) {
	if err != nil {
		f.log.WithError(err).Debug("the application is already stopping")
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

// logLaterFailure logs a failure after the first one.
func logLaterFailure(log *logrus.Logger, err error) {
	level := logrus.DebugLevel
	if _, ok := errors.AsType[*PanicError](err); ok {
		level = logrus.ErrorLevel
	}
	logFailure(log, level, err, "a further failure, after the first or while stopping")
}

func orStandard(log *logrus.Logger) *logrus.Logger { return logbridge.Either(log, nil) }
