package hostile_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// responses has attacks on the code that reads responses. They go on until the node is
// stopped. They pause only for the barrier that shows that the ceremony goes on.
var responses = []attack{
	{name: "answers with a claim of 8 EiB", do: answers(harness.Claim(1<<63 - 1)), gets: violation},
	{name: "answers with a claim of 32 MiB", do: answers(harness.Claim(32 << 20)), gets: violation},
	{name: "answers with a claim of −1 byte", do: answers(harness.Claim(-1)), gets: violation},
	{name: "answers with garbage", do: answers(garbage(64 << 10)), gets: violation},
	{name: "answers with invalid text", do: answers(harness.Framed(notUTF8(2))), gets: violation},
	{name: "answers a byte now and then", do: gives(dripsAnAnswer), gets: "reset"},
	{name: "answers without a request", do: gives(answersTwice), gets: violation},
	{name: "floods with answers", do: gives(answersForEver), gets: violation},
	{
		name: "echoes a wrong time",
		do: gives(saysIn(&syncpb.SyncResponse{
			SyncTimestamp: &timestamppb.Timestamp{Seconds: -1 << 62}, SessionId: session,
		})),
		gets: "goes on",
	},
	{name: "echoes no time", do: gives(saysIn(&syncpb.SyncResponse{SessionId: session})), gets: "goes on"},
	{
		name: "answers without a session",
		do:   gives(saysIn(&syncpb.SyncResponse{SyncTimestamp: &timestamppb.Timestamp{Seconds: 1}})),
		gets: "told why", fails: syncmod.ErrPeerRestarted,
	},
	{name: "answers in another session", do: answersAnew, gets: "told why", fails: syncmod.ErrPeerRestarted},
	{
		name:  "refuses in words that terminals obey",
		do:    gives(saysIn(&syncpb.SyncResponse{Error: evil})),
		gets:  "told why",
		fails: syncmod.ErrPeerRejected,
	},
	{
		name:  "refuses in 15 KiB",
		do:    gives(saysIn(&syncpb.SyncResponse{Error: long(fits)})),
		gets:  "told why",
		fails: syncmod.ErrPeerRejected,
	},
	{name: "refuses in 1 MiB", do: gives(saysIn(&syncpb.SyncResponse{Error: long(huge)})), gets: violation},
}

// gives returns an attack that answers every request of alice from now
// on. The answer is the parameter a.
func gives(a answer) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		m.misbehave(a)
		return m.fate(t)
	}
}

// fate returns what came next on a stream on which dave misbehaved.
func (m *member) fate(t testing.TB) string {
	t.Helper()
	select {
	case fate := <-m.fates:
		return fate
	case <-time.After(harness.Patience):
		require.Fail(t, "nothing happened")
		return ""
	}
}

func answers(b []byte) func(testing.TB, *member) string {
	return gives(func(s harness.RawStream, _ *syncpb.SyncRequest) { _, _ = s.Write(b) })
}

func saysIn(r *syncpb.SyncResponse) answer {
	b := harness.Frame(r)
	return func(s harness.RawStream, _ *syncpb.SyncRequest) { _, _ = s.Write(b) }
}

func dripsAnAnswer(s harness.RawStream, _ *syncpb.SyncRequest) {
	drip(s, append(harness.Claim(16<<10), make([]byte, 16<<10)...))
}

// answerTo returns the answer of a well-behaved member.
func answerTo(s harness.RawStream, r *syncpb.SyncRequest) []byte {
	return harness.Frame(s.Peer.Response(r))
}

func answersTwice(s harness.RawStream, r *syncpb.SyncRequest) {
	_, _ = s.Write(bytes.Repeat(answerTo(s, r), 2))
}

func answersForEver(s harness.RawStream, r *syncpb.SyncRequest) {
	pour(s, bytes.Repeat(answerTo(s, r), 1024))
}

// answersAnew answers in a session that dave has never used for requests. Alice
// believes such an answer on a stream that she opened after she met dave.
func answersAnew(t testing.TB, m *member) string {
	gives(saysIn(&syncpb.SyncResponse{SessionId: anotherSession}))(t, m)
	require.Error(t, m.Failure(alice))
	for {
		if fate := m.fate(t); fate == "told why" {
			return fate
		}
	}
}
