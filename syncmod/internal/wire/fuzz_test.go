package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/internal/vectors"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// FuzzReader feeds a reader anything that a hostile peer may send. The reader must not panic. No payload may exceed the
// limit. The payloads must be the bytes that were sent, and a message that decodes must encode again.
func FuzzReader(f *testing.F) {
	recorded := vectors.Charon()
	for _, scenario := range recorded.Scenarios {
		for _, exchange := range scenario.Exchanges {
			f.Add([]byte(exchange.Send))
			f.Add([]byte(exchange.Receive))
		}
	}
	for _, sent := range recorded.ClientFrames {
		f.Add([]byte(sent))
	}

	// The limit is small, so that short inputs reach it. It is larger than the first buffer, so that the buffer grows.
	const limit = 600

	f.Fuzz(func(t *testing.T, sent []byte) {
		again, err := reframe(t, wire.NewReader(bytes.NewReader(sent), limit), limit)
		if !bytes.HasPrefix(sent, again) {
			t.Fatalf("read %x, which is not the beginning of what was sent", again)
		}

		checkEnd(t, err, sent[len(again):], limit)

		inPieces, _ := reframe(t, wire.NewReader(iotest.OneByteReader(bytes.NewReader(sent)), limit), limit)
		if !bytes.Equal(again, inPieces) {
			t.Fatalf("read %x at once and %x in pieces", again, inPieces)
		}
	})
}

// reframe reads until an error. It returns the frames of the payloads that it read, and the error.
func reframe(t *testing.T, reader *wire.Reader, limit int) ([]byte, error) {
	t.Helper()

	var again []byte
	for {
		payload, err := reader.Next()
		if err != nil {
			return again, err
		}

		if len(payload) == 0 || len(payload) > limit {
			t.Fatalf("payload of %d bytes", len(payload))
		}

		again = binary.LittleEndian.AppendUint64(again, uint64(len(payload)))
		again = append(again, payload...)

		checkMessages(t, payload)
	}
}

// checkEnd fails the test unless reading ended for the right reason. The parameter
// rest is what was sent after the last whole frame.
func checkEnd(t *testing.T, err error, rest []byte, limit int64) {
	t.Helper()

	var refused *wire.LengthError
	switch {
	case len(rest) == 0:
		if err != io.EOF { //nolint:errorlint // Exactly that is promised.
			t.Fatalf("end between two frames gave %v", err)
		}
	case errors.As(err, &refused):
		if refused.Length != int64(binary.LittleEndian.Uint64(rest)) || refused.Length > 0 && refused.Length <= limit {
			t.Fatalf("refused %x with %v", rest, err)
		}
	case !errors.Is(err, io.ErrUnexpectedEOF):
		t.Fatalf("end inside a frame, %x, gave %v", rest, err)
	}
}

// checkMessages decodes a payload as a request and as a response, encodes the
// result, and decodes it again.
func checkMessages(t *testing.T, payload []byte) {
	t.Helper()

	sent := frame(int64(len(payload)), payload)

	var request, requestAgain syncpb.SyncRequest
	if err := wire.NewReader(bytes.NewReader(sent), len(payload)).Request(&request); err == nil {
		again, err := wire.AppendRequest(nil, &request)
		// Only a message that says nothing, decoded from a payload such as a field
		// with its default value, cannot be encoded as a frame.
		if err == nil {
			err = wire.NewReader(bytes.NewReader(again), len(again)).Request(&requestAgain)
		}
		if proto.Size(&request) > 0 && (err != nil || !proto.Equal(&request, &requestAgain)) {
			t.Fatalf("request %x came out as %x: %v", payload, again, err)
		}
	}

	var response, responseAgain syncpb.SyncResponse
	if err := wire.NewReader(bytes.NewReader(sent), len(payload)).Response(&response); err == nil {
		again, err := wire.AppendResponse(nil, &response)
		if err == nil {
			err = wire.NewReader(bytes.NewReader(again), len(again)).Response(&responseAgain)
		}
		if proto.Size(&response) > 0 && (err != nil || !proto.Equal(&response, &responseAgain)) {
			t.Fatalf("response %x came out as %x: %v", payload, again, err)
		}
	}
}
