package syncmod_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry"
)

// spanHandler records the trace that a handler such as otelslog's finds in the
// context.
type spanHandler struct {
	slog.Handler
	mu     *sync.Mutex
	traces *[]trace.TraceID
}

func (h spanHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	*h.traces = append(*h.traces, trace.SpanContextFromContext(ctx).TraceID())
	return h.Handler.Handle(ctx, r)
}

// logged returns the line with the given message.
func logged(t *testing.T, lines, msg string) map[string]any {
	t.Helper()
	for line := range strings.Lines(lines) {
		fields := make(map[string]any)
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		if fields["msg"] == msg {
			return fields
		}
	}
	require.Fail(t, "nobody has said "+msg, lines)
	return nil
}

func TestSlogReplacesLogrus(t *testing.T) {
	h := harness.NewHost(t)
	d := harness.Define(t.Name(), h, harness.NewHost(t))
	for name, run := range map[string]func(*testing.T, *slog.Logger){
		"with fx": func(t *testing.T, log *slog.Logger) {
			app := fx.New(
				fx.Supply(log, d), fx.Provide(func() host.Host { return h }),
				syncmod.Module, fx.Invoke(func(*syncmod.Ceremony) {}), lifecycle.WithFxLogger(),
			)
			require.NoError(t, app.Start(t.Context()))
			require.NoError(t, app.Stop(t.Context()))
		},
		"without": func(t *testing.T, log *slog.Logger) {
			s, err := syncmod.NewService(h, syncmod.Config{}, syncmod.WithSlog(log))
			require.NoError(t, err)
			require.NoError(t, s.Start(t.Context()))
			_, err = s.Open(d)
			require.NoError(t, err)
			require.NoError(t, s.Stop(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var lines bytes.Buffer
			var traces []trace.TraceID
			options := &slog.HandlerOptions{Level: slog.LevelDebug}

			run(t, slog.New(spanHandler{slog.NewJSONHandler(&lines, options), new(sync.Mutex), &traces}))

			opened := logged(t, lines.String(), "ceremony opened")
			require.Equal(t, "INFO", opened["level"])
			require.InEpsilon(t, 2.0, opened["members"], 0)
			require.Equal(t, telemetry.TraceID(d.Hash).String(), opened["trace_id"])
			require.Contains(t, traces, telemetry.TraceID(d.Hash))
			if name == "with fx" {
				require.Equal(t, "DEBUG", logged(t, lines.String(), "fx: application start")["level"])
			}
		})
	}
}
