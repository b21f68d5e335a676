package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// frame builds a frame whose header says length, whatever the payload is.
func frame(length int64, payload []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(length)), payload...)
}

func TestOnlyValidLengthsAreRead(t *testing.T) {
	tests := map[string]struct {
		length  int64
		refused bool
	}{
		"zero":                  {0, true},
		"one":                   {1, false},
		"negative":              {-1, true},
		"the lowest there is":   {math.MinInt64, true},
		"the highest there is":  {math.MaxInt64, true},
		"just over 32 MiB":      {32<<20 + 1, true},
		"one over 2^32":         {1<<32 + 1, true},
		"just below the limit":  {limit - 1, false},
		"the limit":             {limit, false},
		"one more than allowed": {limit + 1, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.refused {
				_, err := wire.NewReader(bytes.NewReader(frame(test.length, nil)), limit).Next()

				require.Equal(t, &wire.LengthError{Length: test.length, Max: limit}, err)

				return
			}

			payload := bytes.Repeat([]byte{0x5a}, int(test.length))
			got, err := wire.NewReader(bytes.NewReader(frame(test.length, payload)), limit).Next()

			require.NoError(t, err)
			require.True(t, bytes.Equal(payload, got))
		})
	}
}

func TestALengthErrorNamesTheRange(t *testing.T) {
	_, err := wire.NewReader(bytes.NewReader(frame(math.MaxInt64, nil)), limit).Next()

	require.EqualError(t, err, "frame of 9223372036854775807 bytes refused: a frame has 1 to 16384 bytes")
}

func TestASmallLimitIsKept(t *testing.T) {
	const tiny = 3

	frames := append(frame(tiny, []byte("abc")), frame(tiny+1, []byte("abcd"))...)
	reader := wire.NewReader(bytes.NewReader(frames), tiny)

	got, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, "abc", string(got))

	_, err = reader.Next()
	require.Equal(t, &wire.LengthError{Length: tiny + 1, Max: tiny}, err)
}

func TestFramesMayArriveInPieces(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), limit/16)
	sent := append(append(frame(5, []byte("first")), frame(limit, large)...), frame(5, []byte("third"))...)

	tests := map[string]func(io.Reader) io.Reader{
		"all at once":             func(r io.Reader) io.Reader { return r },
		"one byte at a time":      iotest.OneByteReader,
		"halves":                  iotest.HalfReader,
		"the end with the data":   iotest.DataErrReader,
		"single bytes, then both": func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
	}
	for name, pieces := range tests {
		t.Run(name, func(t *testing.T) {
			reader := wire.NewReader(pieces(bytes.NewReader(sent)), limit)

			for _, want := range []string{"first", string(large), "third"} {
				got, err := reader.Next()
				require.NoError(t, err)
				require.Equal(t, want, string(got))
			}

			_, err := reader.Next()
			require.Equal(t, io.EOF, err, "exactly that, not wrapped")
		})
	}
}

func TestAnEarlyEndNamesItsPlace(t *testing.T) {
	sent := frame(600, bytes.Repeat([]byte{1}, 600))

	tests := map[string]struct {
		arrived int
		want    string
	}{
		"in the header":          {1, "read frame header: unexpected EOF"},
		"at the header's end":    {7, "read frame header: unexpected EOF"},
		"after the header":       {8, "read frame payload, 0 of 600 bytes: unexpected EOF"},
		"in the payload":         {9, "read frame payload, 1 of 600 bytes: unexpected EOF"},
		"where the buffer grows": {8 + 512, "read frame payload, 512 of 600 bytes: unexpected EOF"},
		"one byte too early":     {8 + 599, "read frame payload, 599 of 600 bytes: unexpected EOF"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := wire.NewReader(bytes.NewReader(sent[:test.arrived]), limit).Next()

			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.NotErrorIs(t, err, io.EOF)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestAStreamsErrorIsReturned(t *testing.T) {
	reset := errors.New("stream reset")
	sent := frame(600, bytes.Repeat([]byte{1}, 600))

	for name, arrived := range map[string]int{
		"between frames": 0,
		"in the header":  4,
		"in the payload": 100,
		"as it grows":    8 + 512,
	} {
		t.Run(name, func(t *testing.T) {
			stream := io.MultiReader(bytes.NewReader(sent[:arrived]), iotest.ErrReader(reset))

			_, err := wire.NewReader(stream, limit).Next()

			require.ErrorIs(t, err, reset)
			require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
			require.ErrorContains(t, err, "read frame ")
		})
	}
}

func TestAMessageIsClearedBeforeReading(t *testing.T) {
	sent, err := wire.AppendRequest(nil, &syncpb.SyncRequest{Step: 3})
	require.NoError(t, err)
	sent, err = wire.AppendResponse(sent, &syncpb.SyncResponse{Error: "no"})
	require.NoError(t, err)
	reader := wire.NewReader(bytes.NewReader(sent), limit)

	request, response := fullRequest(), fullResponse()
	require.NoError(t, reader.Request(request))
	require.NoError(t, reader.Response(response))

	require.Empty(t, request.GetNickname())
	require.Zero(t, request.GetSessionId())
	require.EqualValues(t, 3, request.GetStep())
	require.Nil(t, response.GetSyncTimestamp())
	require.Equal(t, "no", response.GetError())
}

func TestMessagesShareNoBuffer(t *testing.T) {
	sent, err := wire.AppendRequest(nil, &syncpb.SyncRequest{HashSignature: []byte("first"), Nickname: "first"})
	require.NoError(t, err)
	sent, err = wire.AppendRequest(sent, &syncpb.SyncRequest{HashSignature: []byte("other"), Nickname: "other"})
	require.NoError(t, err)
	reader := wire.NewReader(bytes.NewReader(sent), limit)

	var first, other syncpb.SyncRequest
	require.NoError(t, reader.Request(&first))
	require.NoError(t, reader.Request(&other))

	require.Equal(t, "first", string(first.GetHashSignature()))
	require.Equal(t, "first", first.GetNickname())
}

func TestABadPayloadIsAnError(t *testing.T) {
	tests := map[string][]byte{
		"not protobuf":                   {0xff, 0xff, 0xff, 0xff},
		"field cut off":                  {0x12, 0x05, 0x01},
		"timestamp that is not one":      {0x0a, 0x01, 0xff},
		"version that is not UTF-8":      {0x22, 0x01, 0xff},
		"end of a group without a start": {0x0c},
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			var request syncpb.SyncRequest
			err := wire.NewReader(bytes.NewReader(frame(int64(len(payload)), payload)), limit).Request(&request)

			var refused *wire.PayloadError
			require.ErrorAs(t, err, &refused)
			require.ErrorIs(t, err, refused.Err)
			require.ErrorContains(t, err, "frame refused: ")
		})
	}
}

func TestSmallFramesAllocateNothing(t *testing.T) {
	sent, err := wire.AppendRequest(nil, fullRequest())
	require.NoError(t, err)
	reader := wire.NewReader(&endless{content: sent}, limit)

	allocs := testing.AllocsPerRun(100, func() {
		if _, err := reader.Next(); err != nil {
			t.Fatal(err)
		}
	})

	require.Zero(t, allocs)
}

// endless returns the same bytes again and again.
type endless struct {
	content []byte
	at      int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.content[e.at:])
	e.at = (e.at + n) % len(e.content)

	return n, nil
}

func BenchmarkNext(b *testing.B) {
	sent, err := wire.AppendRequest(nil, fullRequest())
	require.NoError(b, err)
	reader := wire.NewReader(&endless{content: sent}, limit)

	b.ReportAllocs()
	b.SetBytes(int64(len(sent)))
	for b.Loop() {
		if _, err := reader.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	sent, err := wire.AppendRequest(nil, fullRequest())
	require.NoError(b, err)
	reader := wire.NewReader(&endless{content: sent}, limit)

	var request syncpb.SyncRequest

	b.ReportAllocs()
	b.SetBytes(int64(len(sent)))
	for b.Loop() {
		if err := reader.Request(&request); err != nil {
			b.Fatal(err)
		}
	}
}
