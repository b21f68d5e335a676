package telemetry

import (
	"time"

	"github.com/sirupsen/logrus"
)

// Notice writes a line that is about the program and not about one ceremony: how it
// uses the module.
func (t *Telemetry) Notice(at time.Time, level logrus.Level, text string) {
	t.reporter.push(progress, "a notice", func() { t.Log().WithTime(at).Log(level, text) })
}
