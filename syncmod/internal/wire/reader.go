package wire

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// initialSize is what a reader allocates, in bytes, when the first payload is announced. Requests and responses
// of real ceremonies fit in it.
const initialSize = 512

// Reader reads frames from a stream. It keeps one buffer, which grows with the bytes that arrive, never with the length
// that a header claims, and never above its limit. After an error it must not be used again. It is not safe for
// concurrent use.
type Reader struct {
	r     io.Reader
	limit int
	// header is a field because a local array would escape to the heap with every read.
	header [HeaderSize]byte
	buf    []byte
}

// NewReader returns a reader that refuses payloads of more than limit bytes. It allocates no buffer before the
// first payload.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{r: r, limit: limit}
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
	if _, err := io.ReadFull(r.r, r.header[:]); err != nil {
		// A bare EOF from ReadFull means that it has read nothing: the stream ended between two frames.
		if err == io.EOF {
			return 0, io.EOF
		}

		return 0, fmt.Errorf("read frame header: %w", err)
	}

	length := int64(binary.LittleEndian.Uint64(r.header[:])) //nolint:gosec // The format has it signed.
	if length <= 0 || length > int64(r.limit) {
		return 0, &LengthError{Length: length, Max: r.limit}
	}

	return int(length), nil
}

func (r *Reader) readPayload(size int) ([]byte, error) {
	for have := 0; have < size; {
		if have == len(r.buf) {
			r.grow()
		}

		n, err := io.ReadFull(r.r, r.buf[have:min(size, len(r.buf))])
		have += n
		if err != nil {
			// Nothing more came, but the header promised it. Only a bare EOF: a wrapped one says more than we could.
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}

			return nil, fmt.Errorf("read frame payload, %d of %d bytes: %w", have, size, err)
		}
	}

	return r.buf[:size:size], nil
}

// grow doubles the buffer once it is full: whoever wants us to hold more has to send the half of it first.
func (r *Reader) grow() {
	grown := make([]byte, min(max(initialSize, 2*len(r.buf)), r.limit))
	copy(grown, r.buf)
	r.buf = grown
}
