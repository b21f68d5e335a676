package logbridge_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/logbridge"
)

// handler is a slog handler that keeps its records.
type handler struct {
	slog.Handler
	records  []slog.Record
	contexts []context.Context
}

func newHandler(level slog.Level) *handler {
	return &handler{Handler: slog.NewTextHandler(new(bytes.Buffer), &slog.HandlerOptions{Level: level})}
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	h.records, h.contexts = append(h.records, r), append(h.contexts, ctx)
	return errors.New("which is nobody's business")
}

func TestABridgedLineIsComplete(t *testing.T) {
	type key struct{}
	h := newHandler(slog.LevelInfo)
	ctx := context.WithValue(t.Context(), key{}, "a span")
	at := time.Date(2026, 11, 26, 14, 33, 38, 0, time.UTC)

	logbridge.New(slog.New(h)).WithContext(ctx).WithTime(at).WithError(errors.New("disk full")).
		WithFields(logrus.Fields{"step": int64(3), "took": "1.2s", "relayed": true, "missing": []int{1, 2}}).
		Warn("stuck")

	require.Len(t, h.records, 1)
	got := h.records[0]
	require.Equal(t, "stuck", got.Message)
	require.Equal(t, at, got.Time)
	require.Equal(t, slog.LevelWarn, got.Level)
	require.Equal(t, "a span", h.contexts[0].Value(key{}))
	var attrs []slog.Attr
	got.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	require.Equal(t, []slog.Attr{
		slog.String("error", "disk full"), slog.Any("missing", []int{1, 2}), slog.Bool("relayed", true),
		slog.Int64("step", 3), slog.String("took", "1.2s"),
	}, attrs)
}

func TestTheHandlerChoosesTheLevels(t *testing.T) {
	for level, want := range map[slog.Level][]slog.Level{
		slog.LevelDebug - 4: {slog.LevelDebug - 4, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError},
		slog.LevelInfo:      {slog.LevelInfo, slog.LevelWarn, slog.LevelError},
		slog.LevelError:     {slog.LevelError},
	} {
		h := newHandler(level)
		log := logbridge.New(slog.New(h))

		log.Trace("a line")
		log.Debug("a line")
		log.Info("a line")
		log.Warn("a line")
		log.Error("a line")

		var got []slog.Level
		for _, r := range h.records {
			got = append(got, r.Level)
		}
		require.Equal(t, want, got)
	}
}

func TestOneSlogLoggerHasOneBridge(t *testing.T) {
	one, other := slog.New(newHandler(slog.LevelInfo)), slog.New(newHandler(slog.LevelInfo))

	bridge := logbridge.New(one)

	require.Same(t, bridge, logbridge.New(one))
	require.NotSame(t, bridge, logbridge.New(other))
}

func TestAnUnusedBridgeIsForgotten(t *testing.T) {
	collected := make(chan struct{})
	func() {
		log := slog.New(newHandler(slog.LevelInfo))
		runtime.AddCleanup(logbridge.New(log), func(int) { close(collected) }, 0)
	}()

	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-collected:
			return true
		default:
			return false
		}
	}, time.Minute, time.Millisecond)
}

func TestLogrusComesFirst(t *testing.T) {
	log, other := logrus.New(), slog.New(newHandler(slog.LevelInfo))

	require.Same(t, log, logbridge.Either(log, other))
	require.Same(t, logbridge.New(other), logbridge.Either(nil, other))
	require.Same(t, logrus.StandardLogger(), logbridge.Either(nil, nil))
}
