package lifecycle

import (
	"log/slog"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/internal/logbridge"
)

// FromSlog returns a logger for [NewGroup] and [NewFailer] in a program that does not use logrus. The logger passes
// everything to log, with fields as attributes. FromSlog can be passed to fx.Provide.
func FromSlog(log *slog.Logger) *logrus.Logger { return logbridge.New(log) }

// logLimit is how long a log may hold up a caller of a Failer.
const logLimit = 500 * time.Millisecond

// briefly runs a function that logs, and waits at most logLimit for it. A log that hangs must not hold up the stop, but
// the last line should be written before the process ends.
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

// safely runs a function that logs. If a hook of the logger panics, only that line is lost.
func safely(log func()) {
	defer func() { _ = recover() }()
	log()
}
