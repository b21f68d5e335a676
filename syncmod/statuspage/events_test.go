package statuspage

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestAClientFollowsToTheEnd(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle()
	p := pageOf(t, c.Nodes[0].Service)
	f := follow(t, serve(t, p))
	require.Nil(t, f.until(func(event) bool { return true }).said.Ceremony, "none is open")

	c.Open("it", 0)
	f.until(headline("Waiting for bob to connect"))
	c.Open("it", 1)
	f.until(headline("Everyone is connected"))
	key := harness.Hash("the key")
	c.Each(c.All(), func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		return ceremony.Run(ctx, syncmod.Step{
			Name: "deal",
			Run:  func(context.Context) error { return ceremony.Attest(key) },
		})
	})
	done := f.until(headline("The ceremony is complete")).said.Ceremony
	require.True(t, done.Receipt)
	require.Equal(t, hexOf(key), done.Attested)
	require.Equal(t, []string{"deal"}, done.Steps)
	require.Equal(t, "Yes", done.Answers.Close.Short)

	p.Close()
	require.Equal(t, "The ceremony is complete",
		f.until(func(e event) bool { return e.name == "end" }).said.Ceremony.Headline)
	_, more := <-f.events
	require.False(t, more)
}

func TestAReceiptIsDownloadedExactly(t *testing.T) {
	c := harness.New(t, 2)
	c.Start()
	p := pageOf(t, c.Nodes[0].Service)
	require.Equal(t, http.StatusNotFound, get(p, "/receipt").Code)
	c.Each(c.All(), func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		return ceremony.Run(ctx, syncmod.Step{Run: func(context.Context) error { return ceremony.Attest([]byte{1}) }})
	})

	w := get(p, "/receipt")

	require.Contains(t, w.Header().Get("Content-Disposition"), `attachment; filename="receipt-`)
	receipt, err := syncmod.ParseReceipt(w.Body.Bytes())
	require.NoError(t, err)
	require.NoError(t, receipt.Verify())
	require.Equal(t, c.Nodes[0].Ceremony.Receipt(), receipt)
}

// This client sends a request and then reads nothing, so the response stays unread.
func TestASlowClientIsDropped(t *testing.T) {
	p := newPage(t)
	p.drop = 50 * time.Millisecond
	conns := make(chan net.Conn)
	listener := pipeListener(conns)
	server := &http.Server{Handler: p, ReadHeaderTimeout: harness.Patience}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { _ = server.Close(); <-served })
	ours, theirs := net.Pipe()
	held := make(chan int, 1)
	conns <- &watchedConn{Conn: theirs, written: sync.OnceFunc(func() { held <- len(p.streams) })}

	_, err := fmt.Fprint(ours, "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, 1, harness.Next(t, held), "it is served")

	harness.Eventually(t, func() bool { return len(p.streams) == 0 }, "its place is free again")
	_ = ours.Close()
}

// watchedConn tells when the server begins to write.
type watchedConn struct {
	net.Conn
	written func()
}

func (c *watchedConn) Write(b []byte) (int, error) {
	c.written()
	return c.Conn.Write(b)
}

// pipeListener accepts the connections that come from a channel.
type pipeListener chan net.Conn

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l pipeListener) Close() error   { close(l); return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func TestTooManyClientsAreRefused(t *testing.T) {
	p := newPage(t)
	for range maxStreams {
		p.streams <- struct{}{}
	}

	w := get(p, "/events")

	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "10", w.Header().Get("Retry-After"))
	require.Equal(t, http.StatusOK, get(p, "/status").Code)
}

func TestTheOldestAttemptsAreDropped(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle(0)
	s := c.Nodes[0].Service
	p := pageOf(t, s)
	of := func(i int) string { return fmt.Sprint("number ", i) }
	const last = maxClosed + 2
	for i := range last + 1 {
		ceremony, err := s.Open(c.Definition(0, of(i)))
		require.NoError(t, err)
		harness.Eventually(t, func() bool {
			newest := status(t, p, "").Ceremony
			return newest != nil && newest.Definition == hexOf(harness.Hash(of(i)))
		}, "it is seen")
		require.NoError(t, ceremony.Close(c.Context()))
	}
	harness.Eventually(t, func() bool {
		return len(status(t, p, "").Ceremonies) == maxClosed
	}, "what is too much is forgotten")

	d := status(t, p, "")

	require.Equal(t, hexOf(harness.Hash(of(last))), d.Ceremony.Definition, "the newest")
	require.Equal(t, "The ceremony has failed: this node was stopped", d.Ceremony.Headline)
	oldest := d.Ceremonies[len(d.Ceremonies)-1]
	require.Equal(t, oldest, status(t, p, oldest.ID).Ceremony.Summary)
	require.Equal(t, d.Ceremony.ID, status(t, p, "none-of-them").Ceremony.ID)
}

func TestReadyMeansTakingPart(t *testing.T) {
	c := harness.New(t, 2)
	c.Idle(0)
	p := pageOf(t, c.Nodes[0].Service)
	require.Equal(t, "ok\n", get(p, "/healthz").Body.String())
	require.Equal(t, http.StatusServiceUnavailable, get(p, "/readyz").Code, "no ceremony is open")

	c.Open("it", 0)
	harness.Eventually(t, func() bool { return get(p, "/readyz").Code == http.StatusOK }, "it takes part")
	c.Nodes[0].Ceremony.Abort(nil)

	harness.Eventually(t, func() bool { return get(p, "/readyz").Code == http.StatusServiceUnavailable },
		"it has failed")
	require.Equal(t, "a ceremony has failed\n", get(p, "/readyz").Body.String())
}

func TestAMembersTextStaysAString(t *testing.T) {
	const hostile = "</script>\u2028\ndata: {}\n\nevent: end\x00\u202e"
	c := harness.New(t, 2)
	c.Idle(0)
	def := c.Definition(0, "it")
	def.Peers[1].Name = hostile
	raw := c.Raw(1)
	raw.Answer()
	raw.Connect(t, c.Nodes[0].Host) // before the ceremony dials: two dials at the same moment may both fail
	c.Nodes[0].Ceremony = c.Nodes[0].Open(t, def)
	raw.Open(t, c.Nodes[0].Host).Say(t, raw.Request(t, def, harness.Nickname(hostile)))
	p := pageOf(t, c.Nodes[0].Service)
	f := follow(t, serve(t, p))

	said := f.until(func(e event) bool { return e.said.Ceremony != nil && e.said.Ceremony.Members[1].Nickname != "" })

	require.Equal(t, "message", said.name)
	require.Equal(t, "</script>??data: {}??event: end??", said.said.Ceremony.Members[1].Nickname)
	require.Equal(t, "</script>??data: {}??event: end??", said.said.Ceremony.Members[1].Name)
	require.NotContains(t, get(p, "/status").Body.String(), "</script>")
	require.NotContains(t, get(p, "/diagnosis").Body.String(), "\ndata:")
	require.True(t, json.Valid(get(p, "/status").Body.Bytes()))
}
