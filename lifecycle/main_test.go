package lifecycle_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/lifecycle"
)

const appVariable = "LIFECYCLE_TEST_APP"

// TestMain runs an application from apps in a process that runApp started, and the
// tests otherwise.
func TestMain(m *testing.M) {
	name := os.Getenv(appVariable)
	if name == "" {
		goleak.VerifyTestMain(m)
		return
	}
	fx.New(
		lifecycle.WithFxLogger(),       // logrus's defaults: info level, stderr
		fx.StopTimeout(10*time.Second), // a stop gives up a second before this
		fx.Supply(logrus.StandardLogger()),
		fx.Provide(lifecycle.NewFailer),
		apps[name],
	).Run()
}

// runApp runs an application from apps in a process of its own, until the process
// ends.
func runApp(t *testing.T, name string) (exitCode int, stderr string) {
	t.Helper()
	require.Contains(t, apps, name)
	var output bytes.Buffer
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), appVariable+"="+name)
	process.Stderr = &output
	if err := process.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return process.ProcessState.ExitCode(), output.String()
}

// recordingLogger returns a logger and a hook that keeps what is logged at any level.
func recordingLogger() (*logrus.Logger, *logtest.Hook) {
	log, hook := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	return log, hook
}

func entriesAt(hook *logtest.Hook, level logrus.Level) []*logrus.Entry {
	var found []*logrus.Entry
	for _, entry := range hook.AllEntries() {
		if entry.Level == level {
			found = append(found, entry)
		}
	}
	return found
}

// nextAt waits for the first entry at the given level.
func nextAt(t *testing.T, hook *logtest.Hook, level logrus.Level) *logrus.Entry {
	t.Helper()
	require.Eventually(t, func() bool { return len(entriesAt(hook, level)) > 0 }, time.Minute, time.Millisecond)
	return entriesAt(hook, level)[0]
}

// sink is a hook that does what a bad log may do to the code that writes to it.
type sink func()

func (s sink) Levels() []logrus.Level { return logrus.AllLevels }

func (s sink) Fire(*logrus.Entry) error { s(); return nil }

// operatorsLog returns a log as an operator sees it: as text, at info level and above.
func operatorsLog() (*logrus.Logger, *strings.Builder) {
	log, text := logrus.New(), new(strings.Builder)
	log.SetOutput(text) // logrus writes one line at a time
	return log, text
}
