package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheDemoPrintsItsTraceID(t *testing.T) {
	code, stdout, stderr := demo(t)
	require.Zero(t, code, stdout+stderr)
	definition, err := hex.DecodeString(regexp.MustCompile(`definition ([0-9a-f]{64})`).FindStringSubmatch(stdout)[1])
	require.NoError(t, err)
	sum := sha256.Sum256(append([]byte("dkgsync/trace/v1\x00"), definition...))
	require.Contains(t, stdout, "\ntrace "+hex.EncodeToString(sum[:16])+", from the spans of all nodes:\n")
	require.Regexp(t, `\n  2 carol +░+[░█│◆]+`, stdout)
}

func TestTheDemoExportsItsSpans(t *testing.T) {
	var mu sync.Mutex
	paths := make(map[string]int)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths[r.URL.Path]++
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	code, stdout, stderr := demo(t, "--steps", "1")
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "◆ last to arrive")
	require.GreaterOrEqual(t, paths["/v1/traces"], 4, "one for each node")
}
