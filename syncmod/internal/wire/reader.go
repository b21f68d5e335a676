package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// initialSize is the size in bytes of the first buffer that a reader allocates. It allocates one when a header
// announces a payload that is longer than what the reader reads ahead.
const initialSize = 512

// Reader reads frames from a stream. It does not copy a payload that fits into what it reads ahead. For a longer
// payload it keeps a buffer, which grows with the bytes that arrive, never with the length that a header claims, and
// never above the limit. A Reader must not be used after an error, and is not safe for concurrent use.
type Reader struct {
	r     *bufio.Reader
	limit int
	buf   []byte
}

// readAhead is how many bytes a reader reads ahead, if the stream is not buffered already.
const readAhead = 64

// NewReader returns a reader that refuses payloads of more than limit bytes. It may read ahead of the frames that it
// returns; these bytes are lost to others, unless r is a [bufio.Reader] of at least 64 bytes.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, readAhead), limit: limit}
}

// Next reads one frame and returns its payload, which is valid until the next call. It blocks as long as the underlying
// reader does.
//
// The error is exactly [io.EOF] if the stream ended between two frames, and wraps [io.ErrUnexpectedEOF] if it ended
// inside a frame. It is a [*LengthError] if the header claims an impossible length. Otherwise it wraps the error of the
// underlying reader.
func (r *Reader) Next() ([]byte, error) {
	size, err := r.readHeader()
	if err != nil {
		return nil, err
	}

	return r.readPayload(size)
}

// Request reads one frame into a message, which it resets first. Its errors are those of [Reader.Next], and
// [*PayloadError] if the payload is not a request. The decoded message stays valid: it does not share the buffer of the
// reader.
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

// DecodeRequest decodes a payload into a message, which it resets first. Its error is a [*PayloadError].
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
		// A bare EOF without any byte means that the stream ended between two frames.
		switch {
		case err == io.EOF && len(header) == 0:
			return 0, io.EOF
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}

		return 0, fmt.Errorf("read frame header: %w", err)
	}

	length := int64(binary.LittleEndian.Uint64(header)) //nolint:gosec // The length is signed in the format.
	if length <= 0 || length > int64(r.limit) {
		return 0, &LengthError{Length: length, Max: r.limit}
	}
	_, _ = r.r.Discard(HeaderSize) // these bytes were peeked

	return int(length), nil
}

func (r *Reader) readPayload(size int) ([]byte, error) {
	if size <= r.r.Size() {
		payload, err := r.r.Peek(size)
		if err != nil {
			return nil, incomplete(err, len(payload), size)
		}
		_, _ = r.r.Discard(size) // the discarded bytes stay valid until the next read

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
	// The header promised more than arrived. Only a bare EOF is replaced, because a wrapped one says more.
	if err == io.EOF { //nolint:errorlint // see above
		err = io.ErrUnexpectedEOF
	}

	return fmt.Errorf("read frame payload, %d of %d bytes: %w", have, size, err)
}

// grow doubles the buffer once it is full. To make a reader hold a larger buffer, a peer must first send half of that
// buffer's size.
func (r *Reader) grow() {
	grown := make([]byte, min(max(initialSize, 2*len(r.buf)), r.limit))
	copy(grown, r.buf)
	r.buf = grown
}
