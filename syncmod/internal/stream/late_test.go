package stream

import (
	"bytes"
	"crypto/rand"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// asking is a member with a stream to a server. It notes what it hears: how many
// responses came together, and when.
type asking struct {
	t         *testing.T
	c         *fakeCeremony
	signature []byte
	said      io.Writer
	hangUp    func()
	ended     chan struct{}

	mu     sync.Mutex
	pieces []piece
	end    string // how the server ends the stream
}

type piece struct {
	at      time.Duration // since the first request
	answers int
}

func newAsking(t *testing.T, session uint64, change ...func(*Terms)) *asking {
	t.Helper()
	key, public, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	id, err := peer.IDFromPublicKey(public)
	require.NoError(t, err)
	terms := Terms{
		Hash: []byte("late"), Members: []peer.AddrInfo{{ID: "self"}, {ID: id}}, Session: 7, Version: "v1.0",
	}
	for _, c := range change {
		c(&terms)
	}
	c := newFakeCeremony(t, NewTerms(terms))
	_, err = c.Outbound(Opening{Member: 1, ID: 99}).Response(roster.Response{Session: session}) // it knows this node
	require.NoError(t, err)
	signature, err := key.Sign(c.terms.Hash)
	require.NoError(t, err)
	server := NewServer(&Config{
		Protocol: "/late", Heartbeat: time.Second, ExchangeTimeout: 10 * time.Second, MaxFrame: 16 << 10,
	}, oneCeremony{c})
	server.state = serverOn
	in, out := io.Pipe()
	a := &asking{t: t, c: c, signature: signature, said: out, ended: make(chan struct{})}
	a.hangUp = func() { _ = out.Close() }
	began := time.Now()
	go func() {
		defer close(a.ended)
		server.serve(&steadyStream{
			conn: &steadyConn{id: id, key: public}, read: in.Read, ends: a.endsBy,
			write: func(frames []byte) { a.hear(time.Since(began), frames) },
		})
	}()
	return a
}

func (a *asking) hear(at time.Duration, frames []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	heard := piece{at: at}
	for reader := wire.NewReader(bytes.NewReader(frames), 1<<10); ; heard.answers++ {
		if _, err := reader.Next(); err != nil {
			require.ErrorIs(a.t, err, io.EOF)
			break
		}
	}
	a.pieces = append(a.pieces, heard)
}

func (a *asking) endsBy(how string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.end == "" {
		a.end = how
	}
}

// say sends a request. It returns when the server has read it.
func (a *asking) say(session uint64, step int64, change ...func(*syncpb.SyncRequest)) {
	a.t.Helper()
	request := &syncpb.SyncRequest{
		Timestamp: timestamppb.Now(), HashSignature: a.signature, Version: a.c.terms.Version,
		SessionId: session, Addressee: a.c.terms.Session, Step: step,
	}
	for _, c := range change {
		c(request)
	}
	frame, err := wire.AppendRequest(nil, request)
	require.NoError(a.t, err)
	_, err = a.said.Write(frame)
	require.NoError(a.t, err)
	synctest.Wait()
}

// heard returns what the member has heard so far.
func (a *asking) heard() []piece {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pieces
}

func goodbye(r *syncpb.SyncRequest) { r.Shutdown = true }

func looks(t *Terms) { t.Observes = true }

func TestAStepsAnswerWaitsForALull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 1)
		a.say(1, 1)
		require.Equal(t, []piece{{0, 1}}, a.heard(), "the first of a stream is answered at once")

		a.say(1, 2)
		after(lull / 2)
		a.say(1, 3)
		after(lull - time.Nanosecond)
		require.Len(t, a.heard(), 1)
		after(time.Nanosecond)

		require.Equal(t, []piece{{0, 1}, {lull + lull/2, 2}}, a.heard())
		a.hangUp()
		<-a.ended
	})
}

func TestFirstAnswersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 1)
		require.NoError(t, a.c.roster.Announce(time.Now(), 1))

		a.say(1, 2)

		require.Equal(t, []piece{{0, 1}}, a.heard())
		a.hangUp()
		<-a.ended
	})
}

func TestLateAnswersHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 1)
		a.say(1, 1)

		for step := int64(2); len(a.heard()) == 1; step++ {
			a.say(1, step)
			after(lull - time.Millisecond)
		}

		last := a.heard()[1]
		require.LessOrEqual(t, last.at, latest)
		require.Greater(t, last.answers, 1)
		a.hangUp()
		<-a.ended
	})
}

func TestAnyWriteSendsLateAnswers(t *testing.T) {
	for name, say := range map[string]func(a *asking){
		"heartbeat": func(a *asking) { a.say(1, 2) },
		"goodbye":   func(a *asking) { a.say(1, 2, goodbye) },
		"refusal":   func(a *asking) { a.say(1, 2, func(r *syncpb.SyncRequest) { r.Version = "v2.0" }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsking(t, 1)
				a.say(1, 1)
				a.say(1, 2)

				say(a)

				require.Equal(t, []piece{{0, 1}, {0, 2}}, a.heard(), "in one piece, and in their order")
				a.hangUp()
				<-a.ended
			})
		})
	}
}

func TestTheEndSendsLateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 1)
		a.say(1, 1)
		a.say(1, 2)

		a.hangUp()
		<-a.ended

		require.Equal(t, []piece{{0, 1}, {0, 1}}, a.heard())
		require.Equal(t, "closed", a.end, "a reset would overtake the answer")
	})
}

func TestForeignMembersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 0)
		a.say(0, 1)

		a.say(0, 2)

		require.Equal(t, []piece{{0, 1}, {0, 1}}, a.heard())
		a.hangUp()
		<-a.ended
	})
}

func TestAnObserverDeclinesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 1, looks)
		for step := range int64(4) {
			a.say(1, step)
		}
		a.say(1, 3, goodbye)

		require.Equal(t, []piece{{0, 1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}}, a.heard())
		a.hangUp()
		<-a.ended
	})
}

func TestAnObserverIgnoresForeignRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsking(t, 0, looks)
		for step := range int64(4) {
			a.say(0, step)
		}
		after(time.Hour)

		require.Empty(t, a.heard())
		a.hangUp()
		<-a.ended
	})
}
