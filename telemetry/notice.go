package telemetry

import (
	"time"

	"github.com/sirupsen/logrus"
)

// Notice writes a line about the program, such as a mistake in how it uses this
// module. The line does not belong to a ceremony.
func (t *Telemetry) Notice(at time.Time, level logrus.Level, text string) {
	t.reporter.push(progress, "a notice", func() { t.Log().WithTime(at).Log(level, text) })
}
