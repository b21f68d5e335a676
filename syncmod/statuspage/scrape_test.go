package statuspage

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnUnreadScrapeEnds(t *testing.T) {
	over := make(chan struct{})
	p := newPage(t, Metrics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(over)
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})))
	p.drop = 10 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	require.NoError(t, err)
	server := newServer(p)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { _ = server.Close(); <-served })
	client, err := net.Dial("tcp", listener.Addr().String()) //nolint:noctx // likewise
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })

	_, err = client.Write([]byte("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"))

	require.NoError(t, err)
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Fatal("it still writes")
	}
}
