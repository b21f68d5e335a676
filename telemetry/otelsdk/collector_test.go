package otelsdk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.uber.org/fx"
)

// silentAddress returns an address that accepts connections and never answers.
func silentAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	silent, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	return silent.Addr().String()
}

// closedAddress returns an address on which nobody listens. Its port is none of
// those that the system hands out, because another program could get one of those.
func closedAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	for range 1000 {
		l, err := config.Listen(t.Context(), "tcp", fmt.Sprint("127.0.0.1:", 10000+rand.N(20000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// A collector that accepts connections and never answers is worse than a missing one.
func TestASilentCollectorDoesNotBlockStop(t *testing.T) {
	for name, address := range map[string]func(*testing.T) string{"silent": silentAddress, "closed": closedAddress} {
		for _, protocol := range []string{"grpc", "http/protobuf"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				configure(t,
					"OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+address(t),
					"OTEL_EXPORTER_OTLP_PROTOCOL", protocol,
					"OTEL_LOGS_EXPORTER", "otlp",
				)
				p := newProgram(fx.StopTimeout(4 * time.Second))

				took := p.run(t)

				require.Less(t, took, 3500*time.Millisecond, "half of 4 s, with some margin")
				require.Contains(t, p.lines.String(), "level=warning")
				require.Contains(t, p.lines.String(), "traces")
			})
		}
	}
}

func TestLostSpansAreCounted(t *testing.T) {
	configure(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"+closedAddress(t)+"/v1/traces")
	p := newProgram(hasty())

	p.run(t)

	require.Contains(t, p.lines.String(), "lost spans: 1: ")
	require.Contains(t, p.lines.String(), "connection refused")
}

func TestACollectorsAnswerIsMadePrintable(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(bytes.Repeat([]byte("\x1b[31mno\u202e"), 100_000))
	}))
	defer refusing.Close()
	configure(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", refusing.URL, "OTEL_LOGS_EXPORTER", "otlp",
		"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", refusing.URL)
	p := newProgram()
	p.log.SetFormatter(&logrus.JSONFormatter{})

	p.run(t)

	require.Positive(t, p.lines.count("lost spans: "))
	for line := range strings.Lines(p.lines.String()) {
		var said struct {
			Error string `json:"error"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		require.LessOrEqual(t, len(said.Error), 512)
		require.NotContains(t, said.Error, "\x1b")
		require.NotContains(t, said.Error, "\u202e")
	}
}

func TestSpansAboveTheQueueAreCounted(t *testing.T) {
	configure(t,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"+silentAddress(t)+"/v1/traces",
		"OTEL_BSP_MAX_QUEUE_SIZE", "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10",
	)
	p := newProgram(hasty())
	require.NoError(t, p.app.Start(t.Context()))
	tracer := p.providers.Tracer.Tracer("test")

	for range 100 {
		_, span := tracer.Start(t.Context(), "a span")
		span.End()
	}

	require.Eventually(t, func() bool { return p.said("lost spans so far: ") }, patience, time.Millisecond)
	p.stop(t)
	require.Contains(t, p.lines.String(), "have not been exported")
}

func TestRepeatedErrorsDoNotFillTheLog(t *testing.T) {
	configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", newBackend(t).URL)
	p := newProgram()
	require.NoError(t, p.app.Start(t.Context()))

	for range 1000 {
		otel.Handle(errors.New("the disk is full"))
	}
	p.stop(t)

	require.Less(t, p.lines.count("the disk is full"), 20, p.lines)
	require.Regexp(t, `OpenTelemetry reported more errors" not_logged=9\d\d`, p.lines)
}
