package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/netns"
)

// built is the environment variable with the path of the fxapp that a test process runs.
const built = "DKGSYNC_TEST_FXAPP"

var (
	binary   string // path of the fxapp that the tests run
	isolated error  // why the tests have no network of their own
)

func TestMain(m *testing.M) {
	if os.Getenv(built) == "" { // before entering the new network: Go may have to download modules
		build()
	}
	binary = os.Getenv(built)
	isolated = netns.Enter()
	code := m.Run()
	_ = os.RemoveAll(filepath.Dir(binary))
	os.Exit(code)
}

// build builds fxapp.
func build() {
	dir, err := os.MkdirTemp("", "procs-")
	if err != nil {
		panic(err)
	}
	binary := filepath.Join(dir, "fxapp")
	args := []string{"build", "-o", binary}
	if withRaceDetector() {
		args = append(args, "-race")
		// By default the race detector makes a process sleep for a second at its end, and every
		// command is a process.
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
	}
	cmd := exec.Command("go", append(args, "github.com/dkgsync/dkgsync/examples/fxapp")...) //nolint:gosec // ours
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("building fxapp: %v: %s", err, out))
	}
	if err := os.Setenv(built, binary); err != nil {
		panic(err)
	}
}

// withRaceDetector reports whether this test was built with -race. If so, fxapp is built with it
// too.
func withRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

func TestACeremonyOfProcesses(t *testing.T) {
	c := newCluster(t, 1)

	require.NoError(t, c.play(bounded(t), story{kill: -1}))
}

func TestALateProcess(t *testing.T) {
	c := newCluster(t, 1)

	require.NoError(t, c.play(bounded(t), story{kill: -1, late: time.Second}))
	_, found, _ := c.members[0].process.said.find("3 of 4 connected")
	require.True(t, found, "it waited for the one that was late")
}

func TestAKilledProcess(t *testing.T) {
	for victim, kind := range []string{"reachable", "firewalled"} {
		t.Run(kind, func(t *testing.T) {
			c := newCluster(t, 2)

			require.NoError(t, c.play(bounded(t), story{kill: victim}))
		})
	}
}

// newCluster returns a cluster on the loopback interface. The end of the test ends it.
func newCluster(t *testing.T, attempts int) *cluster {
	t.Helper()
	c, release, err := onLoopback(binary, t.TempDir(), attempts, t.Output())
	require.NoError(t, err)
	t.Cleanup(func() {
		c.stop()
		release()
	})
	return c
}

// bounded returns a context that ends before the test's deadline.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}
