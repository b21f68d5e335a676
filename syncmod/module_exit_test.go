package syncmod_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestACeremonyUsesTheAppsFailer(t *testing.T) {
	h, def, partner := newPair(t)
	log, lines := logtest.NewNullLogger()
	config := harness.Fast()
	config.ShutdownOnFailure = true
	var failer *lifecycle.Failer
	app := fxtest.New(
		t, fx.NopLogger, syncmod.Module,
		fx.Provide(func() host.Host { return h }, lifecycle.NewFailer),
		fx.Supply(log, config, def),
		syncmod.RunSteps(func() []syncmod.Step {
			return []syncmod.Step{{Name: "store", Run: func(context.Context) error { return errFull }}}
		}),
		fx.Populate(&failer),
	)
	app.RequireStart()
	require.Error(t, partner.Run(harness.Within(t), syncmod.Step{Run: untilDone}))

	signal := harness.Next(t, app.Wait())

	require.Equal(t, 1, signal.ExitCode)
	require.ErrorIs(t, failer.Err(), errFull)
	app.RequireStop()
	fatal := 0
	for _, line := range lines.AllEntries() {
		if strings.HasPrefix(line.Message, "fatal failure") {
			fatal++
		}
	}
	require.Equal(t, 1, fatal)
}

// The step returns an ErrStopped that is not about this ceremony, but about
// something else that the step uses.
func TestAnotherErrStoppedIsAFailure(t *testing.T) {
	h, def, partner := newPair(t)
	config := harness.Fast()
	config.ShutdownOnFailure = true
	var c *syncmod.Ceremony
	app := fxtest.New(
		t, syncmod.Module, fx.NopLogger, fx.Provide(func() host.Host { return h }),
		fx.Supply(harness.Quiet(), config, def),
		syncmod.RunSteps(func() []syncmod.Step {
			return []syncmod.Step{{Name: "sign", Run: func(context.Context) error {
				return fmt.Errorf("the signing ceremony of validator 3: %w", syncmod.ErrStopped)
			}}}
		}),
		fx.Populate(&c),
	)
	app.RequireStart()

	told := partner.Run(harness.Within(t), syncmod.Step{Run: untilDone})

	require.Equal(t, 1, harness.Next(t, app.Wait()).ExitCode)
	require.ErrorIs(t, c.Err(), syncmod.ErrAborted)
	for _, err := range []error{c.Err(), told} {
		require.ErrorContains(t, err, "the signing ceremony of validator 3")
	}
	app.RequireStop()
}

const processVariable = "DKGSYNC_TEST_NODE"

// A nodeProcess is a node whose app ends its process. It says what the node runs
// and what its partner does.
type nodeProcess struct {
	config  syncmod.Config
	steps   []syncmod.Step
	partner func(ctx context.Context, c *syncmod.Ceremony)
}

var errFull = errors.New("disk full")

var nodeProcesses = map[string]nodeProcess{
	"a member aborts": {
		config:  syncmod.Config{ShutdownOnFailure: true, ShutdownOnComplete: true},
		steps:   []syncmod.Step{{Name: "wait", Run: untilDone}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _, _ = c.Advance(ctx); c.Abort(errFull) },
	},
	"a step fails": {
		config:  syncmod.Config{ShutdownOnFailure: true},
		steps:   []syncmod.Step{{Name: "store", Run: func(context.Context) error { return errFull }}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{Run: untilDone}) },
	},
	"a step panics": {
		config:  syncmod.Config{ShutdownOnFailure: true},
		steps:   []syncmod.Step{{Name: "divide", Run: func(context.Context) error { return dividing(0) }}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{Run: untilDone}) },
	},
	"everyone completes": {
		config:  syncmod.Config{ShutdownOnFailure: true, ShutdownOnComplete: true},
		steps:   []syncmod.Step{{Name: "work"}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{}) },
	},
	"the process is told to end": {
		config: syncmod.Config{ShutdownOnFailure: true, ShutdownOnComplete: true},
		steps: []syncmod.Step{{Name: "wait", Run: func(ctx context.Context) error {
			_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			return untilDone(ctx)
		}}},
		partner: func(ctx context.Context, c *syncmod.Ceremony) { _ = c.Run(ctx, syncmod.Step{Run: untilDone}) },
	},
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestNodeProcess is not a test. It is the node, in a process that runNode
// starts.
func TestNodeProcess(t *testing.T) {
	p, ok := nodeProcesses[os.Getenv(processVariable)]
	if !ok {
		t.Skip("run by other tests")
	}
	h, def, partner := newPair(t)
	second := harness.Define("second", h, harness.NewSilentHost(t))
	go p.partner(context.Background(), partner)
	config := harness.Fast()
	config.ShutdownOnFailure, config.ShutdownOnComplete = p.config.ShutdownOnFailure, p.config.ShutdownOnComplete
	fx.New(
		syncmod.Module, lifecycle.WithFxLogger(), syncmod.Configure(config), fx.Supply(def, logrus.StandardLogger()),
		fx.Provide(func() host.Host { return h }), syncmod.RunSteps(func() []syncmod.Step { return p.steps }),
		fx.Invoke(func(lc fx.Lifecycle, s *syncmod.Service, c *syncmod.Ceremony) {
			lc.Append(fx.StartHook(func() error { // another hook that fails at about the same time
				other, err := s.Open(second)
				context.AfterFunc(failing(c), func() {
					if !errors.Is(c.Err(), syncmod.ErrStopped) {
						other.Abort(errors.New("the other one"))
					}
				})
				return err
			}))
		}),
	).Run()
	os.Exit(0)
}

// failing returns a context that ends when a ceremony fails.
func failing(c *syncmod.Ceremony) context.Context {
	ctx, _ := c.Context(context.Background())
	return ctx
}

func runNode(t *testing.T, name string) (exitCode int, stderr string) {
	t.Helper()
	require.Contains(t, nodeProcesses, name)
	var output bytes.Buffer
	process := exec.CommandContext(harness.Within(t), os.Args[0], "-test.run=^TestNodeProcess$")
	process.Env = append(os.Environ(), processVariable+"="+name)
	process.Stderr = &output
	if err := process.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return process.ProcessState.ExitCode(), output.String()
}

func TestAFailureExitsWithCode1(t *testing.T) {
	for name, cause := range map[string]string{
		"a member aborts": "disk full",
		"a step fails":    "disk full",
		"a step panics":   "divide by zero",
	} {
		t.Run(name, func(t *testing.T) {
			exitCode, stderr := runNode(t, name)

			require.Equal(t, 1, exitCode, stderr)
			require.Equal(t, 1, strings.Count(stderr, cause), stderr)
			require.Equal(t, 1, strings.Count(stderr, "fatal failure"), stderr)
			require.NotContains(t, stderr, "DATA RACE")
			require.NotContains(t, stderr, "fx:")
		})
	}
}

func TestCompletionExitsWithCode0(t *testing.T) {
	exitCode, stderr := runNode(t, "everyone completes")

	require.Equal(t, 0, exitCode, stderr)
	require.NotContains(t, stderr, "level=error")
	require.NotContains(t, stderr, "fx:")
}

func TestAStoppedNodeExitsWithCode0(t *testing.T) {
	exitCode, stderr := runNode(t, "the process is told to end")

	require.Equal(t, 0, exitCode, stderr)
	require.NotContains(t, stderr, "level=error")
}
