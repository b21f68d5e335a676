package wire_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// fullRequest returns a request with every field set. No recorded request is like that.
func fullRequest() *syncpb.SyncRequest {
	return &syncpb.SyncRequest{
		Timestamp:      &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 123_456_789},
		HashSignature:  bytes.Repeat([]byte{0xab}, 71),
		Shutdown:       true,
		Version:        "v1.11",
		Step:           7,
		Nickname:       "innocent-adult",
		SessionId:      0xfedc_ba98_7654_3210,
		Traceparent:    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Abort:          "disk full",
		Culprit:        bytes.Repeat([]byte{0xcd}, 39),
		DefinitionHash: bytes.Repeat([]byte{0xef}, 32),
	}
}

func fullResponse() *syncpb.SyncResponse {
	return &syncpb.SyncResponse{
		SyncTimestamp: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 123_456_789},
		Error:         "mismatching version",
		SessionId:     0x0123_4567_89ab_cdef,
	}
}

func TestAFullRequestIsReadBack(t *testing.T) {
	frame, err := wire.AppendRequest(nil, fullRequest())
	require.NoError(t, err)

	var got syncpb.SyncRequest
	require.NoError(t, wire.NewReader(bytes.NewReader(frame), limit).Request(&got))

	require.Empty(t, cmp.Diff(fullRequest(), &got, protocmp.Transform()))
}

func TestAFullResponseIsReadBack(t *testing.T) {
	frame, err := wire.AppendResponse(nil, fullResponse())
	require.NoError(t, err)

	var got syncpb.SyncResponse
	require.NoError(t, wire.NewReader(bytes.NewReader(frame), limit).Response(&got))

	require.Empty(t, cmp.Diff(fullResponse(), &got, protocmp.Transform()))
}

func TestTheHeaderIsLittleEndian(t *testing.T) {
	frame, err := wire.AppendRequest(nil, fullRequest())
	require.NoError(t, err)

	require.EqualValues(t, len(frame)-wire.HeaderSize, binary.LittleEndian.Uint64(frame))
}

func TestAFrameIsAppended(t *testing.T) {
	frame, err := wire.AppendResponse(nil, fullResponse())
	require.NoError(t, err)

	two, err := wire.AppendResponse(bytes.Clone(frame), fullResponse())

	require.NoError(t, err)
	require.Equal(t, append(bytes.Clone(frame), frame...), two)
}

func TestTheLargestRequestFitsAPacket(t *testing.T) {
	request := fullRequest()
	request.HashSignature = bytes.Repeat([]byte{0xab}, 72)
	request.Nickname = string(bytes.Repeat([]byte("n"), 32))
	request.Abort = string(bytes.Repeat([]byte("a"), 256))

	frame, err := wire.AppendRequest(nil, request)

	require.NoError(t, err)
	require.Less(t, len(frame), 1200)
}

func TestInvalidMessagesAreRefused(t *testing.T) {
	before := []byte("before")

	tests := map[string]func(dst []byte) ([]byte, error){
		"empty request": func(dst []byte) ([]byte, error) { return wire.AppendRequest(dst, &syncpb.SyncRequest{}) },
		"nil request":   func(dst []byte) ([]byte, error) { return wire.AppendRequest(dst, nil) },
		"request with a nickname that is not UTF-8": func(dst []byte) ([]byte, error) {
			return wire.AppendRequest(dst, &syncpb.SyncRequest{Nickname: "\xff"})
		},
		"response with an error that is not UTF-8": func(dst []byte) ([]byte, error) {
			return wire.AppendResponse(dst, &syncpb.SyncResponse{Error: "\xff"})
		},
	}
	for name, encode := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := encode(before)

			require.Error(t, err)
			require.Equal(t, "before", string(got))
		})
	}
}

func TestAnEmptyResponseIsZeroBytes(t *testing.T) {
	frame, err := wire.AppendResponse([]byte("before"), &syncpb.SyncResponse{})

	require.NoError(t, err)
	require.Equal(t, "before\x00\x00\x00\x00\x00\x00\x00\x00", string(frame))
}

func TestEncodingAllocatesNothing(t *testing.T) {
	request, response := fullRequest(), fullResponse()
	buf := make([]byte, 0, 1024)

	allocs := testing.AllocsPerRun(100, func() {
		var err error
		if buf, err = wire.AppendRequest(buf[:0], request); err != nil {
			t.Fatal(err)
		}

		if buf, err = wire.AppendResponse(buf[:0], response); err != nil {
			t.Fatal(err)
		}
	})

	require.Zero(t, allocs)
}

func BenchmarkAppendRequest(b *testing.B) {
	request := fullRequest()
	var buf []byte

	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = wire.AppendRequest(buf[:0], request); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkAppendResponse(b *testing.B) {
	response := fullResponse()
	var buf []byte

	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = wire.AppendResponse(buf[:0], response); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}
