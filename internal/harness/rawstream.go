package harness

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// RawStream is a stream whose every byte is the test's.
type RawStream struct {
	network.Stream
}

// Send writes bytes.
func (s RawStream) Send(t testing.TB, b []byte) {
	t.Helper()
	_, err := s.Write(b)
	require.NoError(t, err)
}

// Say sends a request, in one write.
func (s RawStream) Say(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	s.Send(t, Frame(r))
}

// Hear reads a response.
func (s RawStream) Hear(t testing.TB) *syncpb.SyncResponse {
	t.Helper()
	response := new(syncpb.SyncResponse)
	require.NoError(t, s.read(response))
	return response
}

// Listen waits for a response in the background.
func (s RawStream) Listen() <-chan error {
	heard := make(chan error, 1)
	go func() { heard <- ReadMessage(s, new(syncpb.SyncResponse)) }()
	return heard
}

// Heed reads a request.
func (s RawStream) Heed(t testing.TB) *syncpb.SyncRequest {
	t.Helper()
	request := new(syncpb.SyncRequest)
	require.NoError(t, s.read(request))
	return request
}

// Grant answers a request as a member without a session does.
func (s RawStream) Grant(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	s.Send(t, Frame(&syncpb.SyncResponse{SyncTimestamp: r.GetTimestamp()}))
}

// Exchange sends a request and reads the response, and may fail.
func (s RawStream) Exchange(r *syncpb.SyncRequest) (*syncpb.SyncResponse, error) {
	if _, err := s.Write(Frame(r)); err != nil {
		return nil, err
	}
	response := new(syncpb.SyncResponse)
	return response, s.read(response)
}

// Ask sends a request and reads the response.
func (s RawStream) Ask(t testing.TB, r *syncpb.SyncRequest) *syncpb.SyncResponse {
	t.Helper()
	response, err := s.Exchange(r)
	require.NoError(t, err)
	return response
}

// Accepted sends a request that has to be accepted.
func (s RawStream) Accepted(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	require.Empty(t, s.Ask(t, r).GetError())
}

// read reads a message, in time. A deadline cannot be set on a stream that was
// reset, which reading says as well.
func (s RawStream) read(into proto.Message) error {
	_ = s.SetReadDeadline(time.Now().Add(Patience))
	return ReadMessage(s, into)
}

// End reads until the other side ends the stream, and returns how, as [EndOf]
// does. Anything that comes instead fails the test.
func (s RawStream) End(t testing.TB) string {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(Patience)) // of no use, and an error, on a stream that was reset
	n, err := s.Read(make([]byte, 1))
	require.Zero(t, n, "the stream goes on")
	return EndOf(err)
}

// Fate reads to the end of the stream, and says what there was: "answered",
// "refused", and the end as [EndOf] says it, with commas between them.
func (s RawStream) Fate() string {
	var was []string
	for {
		response := new(syncpb.SyncResponse)
		if err := s.read(response); err != nil {
			return strings.Join(append(was, EndOf(err)), ", ")
		}
		now := "answered"
		if response.GetError() != "" {
			now = "refused"
		}
		if len(was) == 0 || was[len(was)-1] != now {
			was = append(was, now)
		}
	}
}

// RequireClosed requires that the other side closes the stream.
func (s RawStream) RequireClosed(t testing.TB) {
	t.Helper()
	require.Equal(t, "closed", s.End(t))
}

// RequireReset requires that the other side resets the stream, for whatever
// reason.
func (s RawStream) RequireReset(t testing.TB) {
	t.Helper()
	require.True(t, IsReset(s.End(t)))
}

// IsReset tells whether a stream that has ended in this way was reset.
func IsReset(end string) bool { return end == "reset" || strings.HasPrefix(end, "reset: ") }

// EndOf says how the other side has ended a stream: "closed", "reset", or "reset:"
// and the reason that goes with it.
func EndOf(err error) string {
	reasons := map[network.StreamErrorCode]string{
		network.StreamGated: "gated", network.StreamRateLimited: "rate limited", network.StreamShutdown: "shutdown",
		network.StreamProtocolViolation: "protocol violation", network.StreamResourceLimitExceeded: "resource limit",
		network.StreamProtocolNegotiationFailed: "no such protocol",
	}
	if reset, ok := errors.AsType[*network.StreamError](err); ok {
		if reset.ErrorCode == network.StreamNoError {
			return "reset"
		}
		if reason, known := reasons[reset.ErrorCode]; known {
			return "reset: " + reason
		}
		return fmt.Sprintf("reset: code %#x", uint32(reset.ErrorCode))
	}
	if err == io.EOF { //nolint:errorlint // a connection that died may wrap io.EOF
		return "closed"
	}
	return err.Error()
}
