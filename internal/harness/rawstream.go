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

// RawStream is a stream on which the test writes every byte.
type RawStream struct {
	network.Stream
	Peer *RawPeer // the test's end of the stream
}

// Send writes bytes.
func (s RawStream) Send(t testing.TB, b []byte) {
	t.Helper()
	_, err := s.Write(b)
	require.NoError(t, err)
}

// Say sends a request in one write. If the request has a session but no addressee, Say
// fills in the session of the other side, if that is known. To send a request without an
// addressee, pass its [Frame] to [RawStream.Send]. To use another addressee, make the
// request with [Addressee].
func (s RawStream) Say(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	s.Send(t, Frame(s.addressed(r)))
}

// addressed returns the request with the other side as its addressee.
func (s RawStream) addressed(r *syncpb.SyncRequest) *syncpb.SyncRequest {
	if r.GetSessionId() == 0 || r.GetAddressee() != 0 {
		return r
	}
	r = proto.CloneOf(r)
	r.Addressee = s.Peer.addresseeAt(s.Conn().RemotePeer())
	return r
}

// Hear reads a response.
func (s RawStream) Hear(t testing.TB) *syncpb.SyncResponse {
	t.Helper()
	response := new(syncpb.SyncResponse)
	require.NoError(t, s.readResponse(response))
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
	s.inTime()
	require.NoError(t, s.ReadRequest(request))
	return request
}

// Grant answers a request as a member does.
func (s RawStream) Grant(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	s.Send(t, Frame(s.Peer.Response(r)))
}

// Exchange sends a request and reads the response. Unlike [RawStream.Ask], it returns
// errors.
func (s RawStream) Exchange(r *syncpb.SyncRequest) (*syncpb.SyncResponse, error) {
	if _, err := s.Write(Frame(s.addressed(r))); err != nil {
		return nil, err
	}
	response := new(syncpb.SyncResponse)
	return response, s.readResponse(response)
}

// Ask sends a request and reads the response. An error fails the test.
func (s RawStream) Ask(t testing.TB, r *syncpb.SyncRequest) *syncpb.SyncResponse {
	t.Helper()
	response, err := s.Exchange(r)
	require.NoError(t, err)
	return response
}

// Accepted sends a request and requires that the other side accepts it. A request with a
// session counts only after the two sides have met, and only if it addresses the process
// on the other side. If another process has taken the place of the one that the request
// addresses, Accepted sends the request again.
func (s RawStream) Accepted(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	require.Contains(t, []uint64{0, s.Peer.Session()}, r.GetSessionId(), "the request has another process's session")
	for {
		if r.GetSessionId() != 0 {
			s.Peer.Meet(t, s.Conn().RemotePeer())
		}
		said := s.addressed(r)
		response := s.Ask(t, said)
		require.Empty(t, response.GetError())
		require.Empty(t, response.GetWaiting())
		if response.GetSessionId() == said.GetAddressee() {
			return
		}
		require.Zero(t, r.GetAddressee(), "the request is for another process")
	}
}

// Greeted sends a request and requires an answer without an error. It returns why the
// request has to wait, if the answer says so.
func (s RawStream) Greeted(t testing.TB, r *syncpb.SyncRequest) (waiting string) {
	t.Helper()
	response := s.Ask(t, r)
	require.Empty(t, response.GetError())
	return response.GetWaiting()
}

// ReadRequest reads a request, and remembers its sender's session and its addressee.
func (s RawStream) ReadRequest(into *syncpb.SyncRequest) error {
	err := ReadMessage(s, into)
	if err == nil {
		s.Peer.heardRequest(s.Conn().RemotePeer(), into)
	}
	return err
}

// readResponse reads a response within Patience, and remembers its sender's session.
func (s RawStream) readResponse(into *syncpb.SyncResponse) error {
	s.inTime()
	err := ReadMessage(s, into)
	if err == nil {
		s.Peer.heardResponse(s.Conn().RemotePeer(), into)
	}
	return err
}

// inTime sets a deadline for the next read. This fails on a stream that was reset, and
// so does the read itself.
func (s RawStream) inTime() { _ = s.SetReadDeadline(time.Now().Add(Patience)) }

// End waits until the other side ends the stream, and returns how, as [EndOf] does. If
// anything else arrives, the test fails.
func (s RawStream) End(t testing.TB) string {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(Patience)) // fails on a stream that was reset, and is not needed there
	n, err := s.Read(make([]byte, 1))
	require.Zero(t, n, "the stream goes on")
	return EndOf(err)
}

// Fate reads to the end of the stream and returns what happened: "answered", "refused",
// and the end as [EndOf] returns it, separated by commas.
func (s RawStream) Fate() string {
	var was []string
	for {
		response := new(syncpb.SyncResponse)
		if err := s.readResponse(response); err != nil {
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

// RequireReset requires that the other side resets the stream, for any reason.
func (s RawStream) RequireReset(t testing.TB) {
	t.Helper()
	require.True(t, IsReset(s.End(t)))
}

// IsReset reports whether an end that [EndOf] returned is a reset.
func IsReset(end string) bool { return end == "reset" || strings.HasPrefix(end, "reset: ") }

// EndOf returns how the other side ended a stream: "closed", "reset", or "reset: " and
// the reason. For any other error it returns the error's text.
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
