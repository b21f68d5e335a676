package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// initialSize is what a reader allocates, in bytes, when the first payload is announced that is longer than what it
// reads ahead.
const initialSize = 512

// Reader reads frames from a stream. A payload that fits in what it reads ahead is not copied. For a longer one it
// keeps a buffer, which grows with the bytes that arrive, never with the length that a header claims, and never above
// its limit. After an error it must not be used again. It is not safe for concurrent use.
type Reader struct {
	r     *bufio.Reader
	limit int
	buf   []byte
}

// readAhead is what a reader reads ahead, in bytes, of a stream that is not buffered already.
const readAhead = 64

// NewReader returns a reader that refuses payloads of more than limit bytes. What it reads ahead is lost with it,
// unless r is a [bufio.Reader] of 64 bytes or more.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, readAhead), limit: limit}
}

// Next reads one frame and returns its payload, which is valid until the next call. It blocks as long as the
// underlying reader does.
//
// The error is exactly [io.EOF] when the stream ended between two frames. It wraps [io.ErrUnexpectedEOF] when it ended
// inside one, is a [*LengthError] when the header claims an impossible length, and otherwise wraps what the underlying
// reader returned.
func (r *Reader) Next() ([]byte, error) {
	size, err := r.readHeader()
	if err != nil {
		return nil, err
	}

	return r.readPayload(size)
}

// Request reads one frame into the message, which is reset first. Its errors are those of [Reader.Next], and
// [*PayloadError] when the payload is not a request. What it has decoded stays valid: it does not share the buffer.
func (r *Reader) Request(into *syncpb.SyncRequest) error {
	return r.message(into)
}

// Response is [Reader.Request] for a response.
func (r *Reader) Response(into *syncpb.SyncResponse) error {
	return r.message(into)
}

func (r *Reader) message(into proto.Message) error {
	payload, err := r.Next()
	if err != nil {
		return err
	}

	return decode(payload, into)
}

// DecodeRequest decodes a payload into the message, which is reset first. Its error is a [*PayloadError].
func DecodeRequest(payload []byte, into *syncpb.SyncRequest) error {
	return decode(payload, into)
}

func decode(payload []byte, into proto.Message) error {
	// Unmarshal resets the message and copies what it keeps.
	if err := proto.Unmarshal(payload, into); err != nil {
		return &PayloadError{Err: err}
	}

	return nil
}

func (r *Reader) readHeader() (int, error) {
	header, err := r.r.Peek(HeaderSize)
	if err != nil {
		// A bare EOF after nothing means that the stream ended between two frames.
		switch {
		case err == io.EOF && len(header) == 0:
			return 0, io.EOF
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}

		return 0, fmt.Errorf("read frame header: %w", err)
	}

	length := int64(binary.LittleEndian.Uint64(header)) //nolint:gosec // The format has it signed.
	if length <= 0 || length > int64(r.limit) {
		return 0, &LengthError{Length: length, Max: r.limit}
	}
	_, _ = r.r.Discard(HeaderSize) // which has been peeked

	return int(length), nil
}

func (r *Reader) readPayload(size int) ([]byte, error) {
	if size <= r.r.Size() {
		payload, err := r.r.Peek(size)
		if err != nil {
			return nil, incomplete(err, len(payload), size)
		}
		_, _ = r.r.Discard(size) // what is discarded stays there until the next read

		return payload[:size:size], nil
	}

	for have := 0; have < size; {
		if have == len(r.buf) {
			r.grow()
		}

		n, err := io.ReadFull(r.r, r.buf[have:min(size, len(r.buf))])
		have += n
		if err != nil {
			return nil, incomplete(err, have, size)
		}
	}

	return r.buf[:size:size], nil
}

func incomplete(err error, have, size int) error {
	// Nothing more came, but the header promised it. Only a bare EOF: a wrapped one says more than we could.
	if err == io.EOF { //nolint:errorlint // see above
		err = io.ErrUnexpectedEOF
	}

	return fmt.Errorf("read frame payload, %d of %d bytes: %w", have, size, err)
}

// grow doubles the buffer once it is full: whoever wants us to hold more has to send the half of it first.
func (r *Reader) grow() {
	grown := make([]byte, min(max(initialSize, 2*len(r.buf)), r.limit))
	copy(grown, r.buf)
	r.buf = grown
}
