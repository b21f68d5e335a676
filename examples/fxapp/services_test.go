package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A backend shows each node of the demo under the name that the spans of the other
// nodes use for it.
func TestEachDemoNodeIsAService(t *testing.T) {
	var mu sync.Mutex
	var exported [][]byte // each request has the spans of one node, without compression
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && r.URL.Path == "/v1/traces" {
			exported = append(exported, body)
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	code, stdout, stderr := demo(t, "--nodes", "2", "--steps", "1")
	require.Zero(t, code, stdout+stderr)

	of := func(service string) []byte {
		for _, body := range exported {
			name := append([]byte("service.name\x12"), byte(len(service)+2), 0x0a, byte(len(service)))
			if bytes.Contains(body, append(name, service...)) {
				return body
			}
		}
		return nil
	}
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, string(of("dkg-alice")), "dkgsync.ceremony.start operator 0 (alice)")
	require.Contains(t, string(of("dkg-alice")), "dkg-bob", "the peer of its streams")
	require.Contains(t, string(of("dkg-bob")), "dkgsync.stream from alice")
}
