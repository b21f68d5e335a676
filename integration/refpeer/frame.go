package refpeer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of a request and of a response.
const (
	requestTimestamp = 1
	requestSignature = 2
	requestShutdown  = 3
	requestVersion   = 4
	requestStep      = 5
	requestNickname  = 6

	responseTimestamp = 1
	responseError     = 2
)

// headerSize is the size of a frame's length field, in bytes.
const headerSize = 8

var (
	errLength = errors.New("a frame of an impossible length")
	errPieces = errors.New("a frame in pieces")
)

// timestamp is a google.protobuf.Timestamp. It may be missing.
type timestamp struct {
	present bool
	seconds int64
	nanos   int32
}

type request struct {
	at        timestamp
	signature []byte
	shutdown  bool
	version   string
	step      int64
	nickname  string
}

type response struct {
	at  timestamp
	err string
}

// writeFrame writes the length and the payload in a single Write.
func writeFrame(w io.Writer, payload []byte) error {
	frame := binary.LittleEndian.AppendUint64(nil, uint64(len(payload)))
	_, err := w.Write(append(frame, payload...))
	return err
}

// readFrame reads the length, then the payload with a single Read. It returns the
// length even if that Read returned less.
func readFrame(r io.Reader, limit int64) (payload []byte, size int, err error) {
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, 0, err
	}
	length := int64(binary.LittleEndian.Uint64(header)) //nolint:gosec // a negative length is one that is refused
	if length <= 0 || length > limit {
		return nil, 0, fmt.Errorf("%w: %d bytes", errLength, length)
	}
	payload = make([]byte, length)
	n, err := r.Read(payload)
	switch {
	case n == len(payload):
		return payload, n, nil
	case err != nil:
		return nil, 0, err
	}
	return nil, len(payload), errPieces
}

func (q request) encode() []byte {
	b := appendTimestamp(nil, requestTimestamp, q.at)
	b = appendBytes(b, requestSignature, q.signature)
	b = appendVarint(b, requestShutdown, protowire.EncodeBool(q.shutdown))
	b = appendBytes(b, requestVersion, []byte(q.version))
	b = appendVarint(b, requestStep, uint64(q.step)) //nolint:gosec // as protobuf has it
	return appendBytes(b, requestNickname, []byte(q.nickname))
}

func decodeRequest(b []byte) (q request, err error) {
	err = eachField(b, func(f field) (err error) {
		switch {
		case f.is(requestTimestamp, protowire.BytesType):
			q.at, err = decodeTimestamp(f.bytes)
		case f.is(requestSignature, protowire.BytesType):
			q.signature = f.bytes
		case f.is(requestShutdown, protowire.VarintType):
			q.shutdown = protowire.DecodeBool(f.varint)
		case f.is(requestVersion, protowire.BytesType):
			q.version = string(f.bytes)
		case f.is(requestStep, protowire.VarintType):
			q.step = int64(f.varint) //nolint:gosec // as protobuf has it
		case f.is(requestNickname, protowire.BytesType):
			q.nickname = string(f.bytes)
		}
		return err
	})
	return q, err
}

func (a response) encode() []byte {
	return appendBytes(appendTimestamp(nil, responseTimestamp, a.at), responseError, []byte(a.err))
}

func decodeResponse(b []byte) (a response, err error) {
	err = eachField(b, func(f field) (err error) {
		switch {
		case f.is(responseTimestamp, protowire.BytesType):
			a.at, err = decodeTimestamp(f.bytes)
		case f.is(responseError, protowire.BytesType):
			a.err = string(f.bytes)
		}
		return err
	})
	return a, err
}

func decodeTimestamp(b []byte) (t timestamp, err error) {
	t.present = true
	err = eachField(b, func(f field) error {
		switch {
		case f.is(1, protowire.VarintType):
			t.seconds = int64(f.varint) //nolint:gosec // as protobuf has it
		case f.is(2, protowire.VarintType):
			t.nanos = int32(f.varint) //nolint:gosec // as protobuf has it
		}
		return nil
	})
	return t, err
}

func appendTimestamp(b []byte, number protowire.Number, t timestamp) []byte {
	if !t.present {
		return b
	}
	inner := appendVarint(nil, 1, uint64(t.seconds))       //nolint:gosec // as protobuf has it
	inner = appendVarint(inner, 2, uint64(int64(t.nanos))) //nolint:gosec // as protobuf has it
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), inner)
}

// appendBytes appends a field, unless it has the default value.
func appendBytes(b []byte, number protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}

func appendVarint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// field is one field of a message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	bytes  []byte
}

func (f field) is(number protowire.Number, kind protowire.Type) bool {
	return f.number == number && f.kind == kind
}

// eachField calls f for each field. f should ignore unknown fields.
func eachField(b []byte, f func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		v := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}
