package stream

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// quickCeremony is closed after the rules have judged a request and before the stream
// gets the verdict.
type quickCeremony struct {
	*fakeCeremony
	close func()
}

func (c quickCeremony) Inbound(o Opening) (InboundFacts, bool) {
	facts, open := c.fakeCeremony.Inbound(o)
	return quickFacts{facts, c.close}, open
}

type quickFacts struct {
	InboundFacts
	close func()
}

func (f quickFacts) Request(q roster.Request, ahead Ahead) roster.Verdict {
	defer f.close()
	return f.InboundFacts.Request(q, ahead)
}

type oneQuick struct {
	oneCeremony
	quick Ceremony
}

func (o oneQuick) Of(id peer.ID) (in []Ceremony, open bool, changed <-chan struct{}) {
	_, open, changed = o.oneCeremony.Of(id)
	return []Ceremony{o.quick}, open, changed
}

// looking is a context that reports when a goroutine begins to wait with it.
type looking struct {
	context.Context
	waits func()
}

func (l looking) Deadline() (time.Time, bool) {
	l.waits()
	return l.Context.Deadline()
}

func TestClosingLetsTheAnswerArrive(t *testing.T) {
	for name, goodbye := range map[string]bool{"goodbye": true, "other": false} {
		t.Run(name, func(t *testing.T) {
			s := newSteady(t)
			closed := make(chan error, 1)
			quick := quickCeremony{s.ceremony, nil}
			quick.close = func() {
				close(s.ceremony.closed)
				looked := make(chan struct{})
				go func() {
					ctx := looking{t.Context(), sync.OnceFunc(func() { close(looked) })}
					closed <- s.server.Close(ctx, &quick, time.Minute)
				}()
				<-looked
			}
			s.server.ceremonies = oneQuick{oneCeremony{s.ceremony}, &quick}
			signature, err := s.member.Sign(s.ceremony.terms.Hash)
			require.NoError(t, err)
			frame, err := wire.AppendRequest(nil, &syncpb.SyncRequest{
				Timestamp: timestamppb.Now(), HashSignature: signature, Version: s.ceremony.terms.Version,
				SessionId: 1, Step: 1, Shutdown: goodbye,
			})
			require.NoError(t, err)
			answered, wentOn := false, false

			s.server.serve(&steadyStream{
				conn: s.conn,
				read: func(p []byte) (int, error) {
					if len(frame) == 0 {
						wentOn = true
						return 0, io.EOF
					}
					n := copy(p, frame)
					frame = frame[n:]
					return n, nil
				},
				write: func([]byte) {
					for _, in := range s.server.of(&quick) {
						answered = in.ctx.Err() == nil
					}
				},
			})

			require.NoError(t, <-closed)
			require.True(t, answered, "the stream was reset before the answer")
			require.Equal(t, goodbye, wentOn, "whoever sends the last frame waits for the other side to end the stream")
		})
	}
}

// verdictFacts gives the verdicts of a list and notes how the stream ended.
type verdictFacts struct {
	InboundFacts
	verdicts []roster.Verdict
	end      End
}

func (f *verdictFacts) Request(roster.Request, Ahead) roster.Verdict {
	next := f.verdicts[0]
	f.verdicts = f.verdicts[1:]
	return next
}

func (f *verdictFacts) Down(end End) { f.end = end }

type verdictCeremony struct {
	*fakeCeremony
	facts *verdictFacts
}

func (c verdictCeremony) Inbound(Opening) (InboundFacts, bool) { return c.facts, true }

func TestOnlyAnsweredRequestsAreMessages(t *testing.T) {
	accept, last := roster.Verdict{Action: roster.Accept}, roster.Verdict{Action: roster.AcceptLast}
	supersede, drop := roster.Verdict{Action: roster.Supersede, Old: 99}, roster.Verdict{Action: roster.Drop}
	for name, test := range map[string]struct {
		verdicts []roster.Verdict
		messages int64
	}{
		"answered":     {[]roster.Verdict{accept, last}, 2},
		"dropped":      {[]roster.Verdict{accept, drop}, 1},
		"ignored":      {[]roster.Verdict{{Action: roster.Ignore}, last}, 1},
		"judged twice": {[]roster.Verdict{supersede, accept, last}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSteady(t)
			facts := &verdictFacts{&fakeFacts{c: s.ceremony}, test.verdicts, End{}}
			s.server.ceremonies = oneQuick{oneCeremony{s.ceremony}, verdictCeremony{s.ceremony, facts}}
			signature, err := s.member.Sign(s.ceremony.terms.Hash)
			require.NoError(t, err)
			var frames []byte
			for step := range int64(2) { // different steps: no request repeats another
				frames, err = wire.AppendRequest(frames, &syncpb.SyncRequest{
					Timestamp: timestamppb.Now(), HashSignature: signature, Version: s.ceremony.terms.Version,
					SessionId: 1, Step: step,
				})
				require.NoError(t, err)
			}

			s.server.serve(&steadyStream{
				conn: s.conn, read: bytes.NewReader(frames).Read, write: func([]byte) {},
			})

			require.Empty(t, facts.verdicts)
			require.Equal(t, test.messages, facts.end.Messages)
		})
	}
}
