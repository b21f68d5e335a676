package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// relay runs the command and waits until it has printed its addresses: one for each address in the last argument, the
// value of --listen. The function returns these addresses, and a function that ends the command.
func relay(t *testing.T, args ...string) (addrs []string, stderr *watched, end func() int) {
	t.Helper()
	ctx, interrupt := context.WithCancelCause(context.Background())
	stdout, stderr := new(watched), new(watched)
	code := make(chan int, 1)
	go func() { code <- run(ctx, append([]string{"relay"}, args...), stdout, stderr) }()
	end = func() int {
		interrupt(interruption{syscall.SIGTERM})
		return <-code
	}
	t.Cleanup(func() { interrupt(nil) })
	listens := 1 + strings.Count(args[len(args)-1], ",")
	printed := func() bool { return strings.Count(stdout.String(), "\n") == listens }
	require.Eventually(t, printed, harness.Patience, 5*time.Millisecond)
	return strings.Fields(stdout.String()), stderr, end
}

// pageOf returns the host and port of a relay's page, once the log says that it answers.
func pageOf(t *testing.T, log fmt.Stringer) string {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "answers with the addresses") },
		harness.Patience, 5*time.Millisecond)
	_, at, _ := strings.Cut(log.String(), "http://")
	at, _, _ = strings.Cut(at, "/")
	return at
}

func TestARelayKeepsItsIdentity(t *testing.T) {
	key := filepath.Join(t.TempDir(), "relay.key")
	before, stderr, end := relay(t, "--key", key, "--listen", "/ip4/127.0.0.1/tcp/0")
	require.Contains(t, stderr.String(), "a new peer ID; keep the file")
	require.Equal(t, exitSignal+int(syscall.SIGTERM), end())

	after, stderr, end := relay(t, "--key", key, "--listen", "/ip4/127.0.0.1/tcp/0")
	require.NotContains(t, stderr.String(), "new peer ID")
	require.Equal(t, exitSignal+int(syscall.SIGTERM), end())

	_, id, _ := strings.Cut(before[0], "/p2p/")
	require.Contains(t, after[0], "/p2p/"+id)
	info, err := os.Stat(key)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestARelayServesItsAddresses(t *testing.T) {
	addrs, stderr, end := relay(t, "--key", filepath.Join(t.TempDir(), "relay.key"), "--http", "127.0.0.1:0",
		"--listen", "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1")

	answer, err := http.Get("http://" + pageOf(t, stderr)) //nolint:noctx // it answers at once
	require.NoError(t, err)
	var listed []string
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&listed))
	require.NoError(t, answer.Body.Close())
	http.DefaultClient.CloseIdleConnections()

	require.Equal(t, addrs, listed)
	require.Len(t, listed, 2)
	require.Equal(t, exitSignal+int(syscall.SIGTERM), end())
}

func TestARelayEndsEachConnection(t *testing.T) {
	_, stderr, end := relay(t, "--key", filepath.Join(t.TempDir(), "relay.key"), "--http", "127.0.0.1:0",
		"--listen", "/ip4/127.0.0.1/tcp/0")
	at := pageOf(t, stderr)
	stranger, err := net.Dial("tcp", at) //nolint:noctx // it does not block
	require.NoError(t, err)
	t.Cleanup(func() { _ = stranger.Close() })
	require.NoError(t, stranger.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = stranger.Write([]byte("GET / HTTP/1.1\r\nHost: relay\r\n\r\n"))
	require.NoError(t, err)

	answer, err := io.ReadAll(stranger)

	require.NoError(t, err, "it ends after one answer")
	require.Contains(t, string(answer), "200 OK")
	require.Equal(t, exitSignal+int(syscall.SIGTERM), end())
}

func TestARelayOutlivesStrangers(t *testing.T) {
	_, stderr, end := relay(t, "--key", filepath.Join(t.TempDir(), "relay.key"), "--http", "127.0.0.1:0",
		"--listen", "/ip4/127.0.0.1/tcp/0")
	at := pageOf(t, stderr)
	for range maxPageConnections {
		stranger, err := net.Dial("tcp", at) //nolint:noctx // it does not block
		require.NoError(t, err)
		t.Cleanup(func() { _ = stranger.Close() })
	}

	another, err := net.Dial("tcp", at) //nolint:noctx // likewise

	require.NoError(t, err)
	t.Cleanup(func() { _ = another.Close() })
	require.NoError(t, another.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = another.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is closed at once")
	require.Equal(t, exitSignal+int(syscall.SIGTERM), end())
}

func TestABadRelayCommandIsRefused(t *testing.T) {
	for name, scene := range map[string]struct {
		args []string
		says string
	}{
		"no listen address": {[]string{"--listen", "relay.example"}, "not an address: write it as /ip4/"},
		"another machine's": {[]string{"--listen", "/ip4/192.0.2.1/tcp/9000"}, "no network interface of this machine"},
		"no page":           {[]string{"--http", "3640"}, "--http 3640: address 3640: missing port"},
		"no name":           {[]string{"--announce", "relay.example"}, `announced address "relay.example"`},
		"its own peer ID": {
			[]string{"--announce", "/ip4/192.0.2.1/tcp/1/p2p/16Uiu2HAmGYv6vzHkzCvSkSVUmTxqLDm1rVVEUxkqKiYbUGfJ4kSP"},
			"the relay knows its peer ID",
		},
		"no key": {[]string{"--key", os.TempDir()}, "--key"},
	} {
		t.Run(name, func(t *testing.T) {
			stderr := new(watched)
			args := append([]string{"relay", "--key", filepath.Join(t.TempDir(), "relay.key")}, scene.args...)

			require.Equal(t, exitUsage, run(t.Context(), args, new(watched), stderr))

			require.Contains(t, stderr.String(), scene.says)
			_, said, _ := strings.Cut(stderr.String(), "fxapp: ")
			require.Equal(t, 1, strings.Count(said, "\n"), "one line")
		})
	}
}
