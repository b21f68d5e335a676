package wire_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/dkgsync/dkgsync/internal/vectors"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// limit is the limit of the readers in the tests, in bytes. It is the default of a real node.
const limit = 16 << 10

// Frames of the recording that do not hold a message, as "scenario/exchange/direction". One of them is the frame of
// zero bytes that answers a request without a timestamp.
var recordedRefusals = map[string]func(*testing.T, error){
	"size_zero/0/send":                   isLengthError(0),
	"size_negative/0/send":               isLengthError(-1),
	"size_over_32MiB/0/send":             isLengthError(32<<20 + 1),
	"payload_not_protobuf/0/send":        isPayloadError,
	"no_nickname_no_timestamp/0/receive": isLengthError(0),
}

func isLengthError(length int64) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		require.Equal(t, &wire.LengthError{Length: length, Max: limit}, err)
	}
}

func isPayloadError(t *testing.T, err error) {
	t.Helper()

	var refused *wire.PayloadError
	require.ErrorAs(t, err, &refused)
}

func TestRecordedFramesAreReadBack(t *testing.T) {
	recorded := vectors.Charon()
	refused := 0

	check := func(name string, frames []byte, recode func(io.Reader) ([]byte, error)) {
		t.Run(name, func(t *testing.T) {
			got, err := recode(bytes.NewReader(frames))

			want, isRefused := recordedRefusals[name]
			if !isRefused {
				require.NoError(t, err)
				require.Equal(t, hex.EncodeToString(frames), hex.EncodeToString(got))

				return
			}

			refused++
			want(t, err)
		})
	}

	for _, scenario := range recorded.Scenarios {
		for i, exchange := range scenario.Exchanges {
			check(fmt.Sprintf("%s/%d/send", scenario.Name, i), exchange.Send, recodeRequests)
			check(fmt.Sprintf("%s/%d/receive", scenario.Name, i), exchange.Receive, recodeResponses)
		}
	}

	for i, frame := range recorded.ClientFrames {
		check(fmt.Sprintf("client/%d", i), frame, recodeRequests)
	}

	require.Equal(t, len(recordedRefusals), refused)
}

// recodeRequests reads frames until the end and returns them as this package encodes them.
func recodeRequests(r io.Reader) ([]byte, error) {
	var (
		reader  = wire.NewReader(r, limit)
		request syncpb.SyncRequest
		out     []byte
	)

	for {
		err := reader.Request(&request)
		if err == io.EOF { //nolint:errorlint // Next promises exactly io.EOF.
			return out, nil
		}

		if err != nil {
			return out, err
		}

		if out, err = wire.AppendRequest(out, &request); err != nil {
			return out, err
		}
	}
}

func recodeResponses(r io.Reader) ([]byte, error) {
	var (
		reader   = wire.NewReader(r, limit)
		response syncpb.SyncResponse
		out      []byte
	)

	for {
		err := reader.Response(&response)
		if err == io.EOF { //nolint:errorlint // Next promises exactly io.EOF.
			return out, nil
		}

		if err != nil {
			return out, err
		}

		if out, err = wire.AppendResponse(out, &response); err != nil {
			return out, err
		}
	}
}

func TestOtherWireTypesAreUnknown(t *testing.T) {
	recorded := vectors.Charon()

	var frame []byte
	for _, scenario := range recorded.Scenarios {
		if scenario.Name == "unknown_fields_ignored" {
			frame = scenario.Exchanges[0].Send
		}
	}

	// The recording has bytes in field 1001 and a varint in field 1002. The messages of this package have a fixed64
	// and a string there.
	var request syncpb.SyncRequest
	require.NoError(t, wire.NewReader(bytes.NewReader(frame), limit).Request(&request))

	require.Zero(t, request.GetSessionId())
	require.Empty(t, request.GetTraceparent())
	require.NotEmpty(t, request.ProtoReflect().GetUnknown())
}

func TestARecordedRequestHasItsFields(t *testing.T) {
	recorded := vectors.Charon()

	var request syncpb.SyncRequest
	require.NoError(t, wire.NewReader(bytes.NewReader(recorded.ClientFrames[2]), limit).Request(&request))

	require.NotZero(t, request.GetTimestamp().AsTime())
	require.Len(t, request.GetHashSignature(), 71)
	want := &syncpb.SyncRequest{
		Timestamp:     request.GetTimestamp(),
		HashSignature: request.GetHashSignature(),
		Shutdown:      true,
		Version:       "v1.11",
		Step:          1,
		Nickname:      "alice",
	}
	require.Empty(t, cmp.Diff(want, &request, protocmp.Transform()))
}
