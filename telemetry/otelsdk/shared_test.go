package otelsdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/logbridge"
	"github.com/dkgsync/dkgsync/telemetry"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

func exportLogs(t *testing.T) *backend {
	t.Helper()
	b := newBackend(t)
	configure(t, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", b.URL+"/v1/logs")
	return b
}

// received counts how often a text occurs in the requests to a path.
func (b *backend) received(path, text string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, body := range b.bodies[path] {
		n += strings.Count(string(body), text)
	}
	return n
}

func TestTheLoggerIsRestored(t *testing.T) {
	exportLogs(t)
	log := logrus.New()
	own := telemetry.NewLogHook()
	log.AddHook(own)
	before := log.Hooks[logrus.InfoLevel]

	for range 3 {
		newProgramWith(log).run(t)
	}

	require.Equal(t, before, log.Hooks[logrus.InfoLevel])
	require.Equal(t, before, log.Hooks[logrus.ErrorLevel])
}

func TestAHookOfTheProgramStays(t *testing.T) {
	exportLogs(t)
	log := logrus.New()
	p := newProgramWith(log)
	require.NoError(t, p.app.Start(t.Context()))
	log.AddHook(telemetry.NewLogHook())

	p.stop(t)

	require.Equal(t, []logrus.Hook{telemetry.NewLogHook()}, log.Hooks[logrus.InfoLevel])
}

func TestASharedLoggerExportsALineOnce(t *testing.T) {
	b := exportLogs(t)
	log := logrus.New()
	alice, bob := newProgramWith(log), newProgramWith(log)
	require.NoError(t, alice.app.Start(t.Context()))
	require.NoError(t, bob.app.Start(t.Context()))

	log.Info("while both run")
	alice.stop(t)
	log.Info("while one does")
	bob.stop(t)
	log.Info("while none does")

	require.Equal(t, 1, b.received("/v1/logs", "while both run"))
	require.Equal(t, 1, b.received("/v1/logs", "while one does"))
	require.Zero(t, b.received("/v1/logs", "while none does"))
	require.Empty(t, log.Hooks[logrus.InfoLevel])
}

// stuck is a writer that hangs until goOn is closed.
type stuck struct{ hangs, goOn chan struct{} }

func (s *stuck) Write(p []byte) (int, error) {
	close(s.hangs)
	<-s.goOn
	return len(p), nil
}

func TestAHangingLogDoesNotDelayOtherApps(t *testing.T) {
	exportLogs(t)
	alice, bob := newProgram(), newProgram()
	require.NoError(t, alice.app.Start(t.Context()))
	out := &stuck{hangs: make(chan struct{}), goOn: make(chan struct{})}
	alice.log.SetOutput(out)
	var wg sync.WaitGroup
	wg.Go(func() { alice.log.Info("a line") })
	<-out.hangs
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_ = alice.app.Stop(ctx) // it cannot remove the hook yet

	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := bob.app.Start(ctx)

	close(out.goOn)
	wg.Wait()
	require.NoError(t, started)
	bob.stop(t)
}

func TestLinesAreExportedWithoutLogrus(t *testing.T) {
	b := exportLogs(t)
	log := slog.New(slog.NewTextHandler(io.Discard, nil)) // its handler drops debug lines
	app := fx.New(fx.NopLogger, fx.Supply(log), otelsdk.Module)
	require.NoError(t, app.Start(t.Context()))

	logbridge.New(log).Info("of the module")
	logbridge.New(log).Debug("that nobody wants")
	logbridge.New(log).Trace("that nobody wants")

	require.NoError(t, app.Stop(t.Context()))
	require.Equal(t, 1, b.received("/v1/logs", "of the module"))
	require.Zero(t, b.received("/v1/logs", "that nobody wants"))
}

func TestSDKErrorsGoToTheRunningApps(t *testing.T) {
	b := exportLogs(t)
	var own handled
	otel.SetErrorHandler(&own)
	alice, bob := newProgram(), newProgram()
	require.NoError(t, alice.app.Start(t.Context()))
	require.NoError(t, bob.app.Start(t.Context()))

	otel.Handle(errors.New("while both run"))
	require.Eventually(t, func() bool { return alice.said("while both run") && bob.said("while both run") },
		patience, time.Millisecond)
	alice.stop(t)
	otel.Handle(errors.New("while one does"))
	bob.stop(t)
	otel.Handle(errors.New("while none does"))

	require.False(t, alice.said("while one does"))
	require.True(t, bob.said("while one does"))
	require.False(t, bob.said("while none does"))
	require.Equal(t, handled{"while none does"}, own, "after the stop, errors go to the program's handler again")
	require.Zero(t, b.received("/v1/logs", "while both run"), "a line about the export is not exported")
}

func TestAHandlerOfTheProgramStays(t *testing.T) {
	exportLogs(t)
	var before, own handled
	otel.SetErrorHandler(&before)
	p := newProgram()
	require.NoError(t, p.app.Start(t.Context()))
	otel.SetErrorHandler(&own)

	p.stop(t)

	otel.Handle(errors.New("an error"))
	require.Equal(t, handled{"an error"}, own)
	require.Empty(t, before)
}

func TestAWrappedHandlerLeadsToTheOldOne(t *testing.T) {
	exportLogs(t)
	var before handled
	otel.SetErrorHandler(&before)
	defer otel.SetErrorHandler(&before)
	p := newProgram()
	require.NoError(t, p.app.Start(t.Context()))
	ours := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { ours.Handle(fmt.Errorf("wrapped: %w", err)) }))
	otel.Handle(errors.New("while it runs"))
	p.stop(t)

	otel.Handle(errors.New("after the stop"))
	require.NoError(t, p.app.Start(t.Context()))
	p.stop(t)
	otel.Handle(errors.New("after another one"))

	require.True(t, p.said("wrapped: while it runs"))
	require.Equal(t, handled{"wrapped: after the stop", "wrapped: after another one"}, before)
}

// handled is an error handler of the program. It keeps the errors.
type handled []string

func (h *handled) Handle(err error) { *h = append(*h, err.Error()) }

func TestARestartedAppHasAnSDK(t *testing.T) {
	b := newBackend(t)
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	p := newProgram()
	tracer := p.providers.Tracer.Tracer("test")

	for _, name := range []string{"the.first.run", "the.second.run"} {
		require.NoError(t, p.app.Start(t.Context()))
		_, span := tracer.Start(t.Context(), name)
		span.End()
		counter, err := p.providers.Meter.Meter("test").Int64Counter(name)
		require.NoError(t, err)
		counter.Add(t.Context(), 1)
		p.stop(t)
		require.Equal(t, 1, b.received("/v1/traces", name))
		require.Equal(t, 1, b.received("/v1/metrics", name))
	}
}

func TestEarlyInstrumentsAreReported(t *testing.T) {
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", newBackend(t).URL)
	p := newProgram()

	p.providers.Meter.Meter("eager")

	require.True(t, p.said("instruments that are made before the app starts record nothing"))
}
