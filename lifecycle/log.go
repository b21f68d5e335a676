package lifecycle

import (
	"log/slog"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/internal/logbridge"
)

// FromSlog returns a logger for [NewGroup] and [NewFailer] in a program that has no logrus: it passes everything on to
// log, fields as attributes. fx.Provide takes it as it is.
func FromSlog(log *slog.Logger) *logrus.Logger { return logbridge.New(log) }

// logLimit is how long the log may hold up the caller of a Failer.
const logLimit = 500 * time.Millisecond

// briefly runs a function that logs, and waits for it for a limited time: a log that hangs must not hold up the stop,
// but the last line should be written before the process ends.
func briefly(log func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		safely(log)
	}()
	limit := time.NewTimer(logLimit)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
}

// safely runs a function that logs. A hook of the logger that panics costs the line, and not the process.
func safely(log func()) {
	defer func() { _ = recover() }()
	log()
}
