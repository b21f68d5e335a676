package hostile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// stream is a stream on which every byte is the test's.
type stream struct {
	network.Stream
}

// frame is a message as it lies on a stream: the payload's length in eight
// bytes, little endian, then the payload.
func frame(m proto.Message) []byte {
	payload, err := proto.Marshal(m)
	if err != nil {
		panic(err) // a defect of the test
	}
	return framed(payload)
}

// framed is a frame of any payload.
func framed(payload []byte) []byte { return append(claim(int64(len(payload))), payload...) }

// claim is the header of a frame that is said to have so many bytes.
func claim(length int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(length))
}

// read reads a frame into a message.
func (s stream) read(into proto.Message) error {
	var header [8]byte
	if _, err := io.ReadFull(s, header[:]); err != nil {
		return err
	}
	const most = 1 << 20
	length := int64(binary.LittleEndian.Uint64(header[:]))
	if length < 0 || length > most {
		return fmt.Errorf("a frame of %d bytes", length)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(s, payload); err != nil {
		return err
	}
	return proto.Unmarshal(payload, into)
}

// say sends a request, in one write.
func (s stream) say(t testing.TB, r *syncpb.SyncRequest) {
	t.Helper()
	s.write(t, frame(r))
}

func (s stream) write(t testing.TB, b []byte) {
	t.Helper()
	_, err := s.Write(b)
	require.NoError(t, err)
}

// hear reads a response.
func (s stream) hear(t testing.TB) *syncpb.SyncResponse {
	t.Helper()
	require.NoError(t, s.SetReadDeadline(time.Now().Add(harness.Patience)))
	response := new(syncpb.SyncResponse)
	require.NoError(t, s.read(response))
	return response
}

// answered reads a response that has no error.
func (s stream) answered(t testing.TB) {
	t.Helper()
	require.Empty(t, s.hear(t).GetError())
}

// fate reads to the end of a stream, and tells what there was.
func (s stream) fate() string {
	_ = s.SetReadDeadline(time.Now().Add(harness.Patience)) // fails on a stream that was reset, which reading says as well
	var was []string
	for {
		response := new(syncpb.SyncResponse)
		if err := s.read(response); err != nil {
			return strings.Join(append(was, endOf(err)), ", ")
		}
		if now := kind(response); len(was) == 0 || was[len(was)-1] != now {
			was = append(was, now)
		}
	}
}

func kind(response *syncpb.SyncResponse) string {
	if response.GetError() != "" {
		return "refused"
	}
	return "answered"
}

// endOf says how the other side ended a stream.
func endOf(err error) string {
	codes := map[network.StreamErrorCode]string{
		network.StreamNoError: "reset", network.StreamGated: "reset: gated", network.StreamRateLimited: "reset: rate limited",
		network.StreamProtocolViolation: "reset: protocol violation", network.StreamShutdown: "reset: shutdown",
		network.StreamResourceLimitExceeded: "reset: resource limit", network.StreamProtocolNegotiationFailed: "reset: no such protocol",
	}
	if reset, ok := errors.AsType[*network.StreamError](err); ok {
		if name, known := codes[reset.ErrorCode]; known {
			return name
		}
	}
	if err == io.EOF { //nolint:errorlint // a connection that died may wrap io.EOF
		return "closed"
	}
	return err.Error()
}
