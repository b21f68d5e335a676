package wire

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Extra has the fields of a request that only one stream sends. Zero values are left
// out.
type Extra struct {
	Traceparent             string // the sender's span in W3C form
	DefinitionHash, Members []byte // which definition is meant, and a digest of its members
	Addressee               uint64 // the session that the request is for
}

// The field numbers of an [Extra].
const (
	traceparentField    protowire.Number = 1002
	definitionHashField protowire.Number = 1005
	membersField        protowire.Number = 1006
	addresseeField      protowire.Number = 1011
)

// AppendAgain appends the request of a frame made by [AppendRequest], with another
// timestamp and with the fields in extra. The request must have a timestamp. The
// extra fields are appended to the encoded message. This works because a decoder of
// protocol buffers treats appended fields as part of the message.
func AppendAgain(dst, frame []byte, now time.Time, extra Extra) []byte {
	begin := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, 0)
	dst = appendTimestamp(dst, now)
	if _, rest, ok := SplitTimestamp(frame[HeaderSize:]); ok {
		dst = append(dst, rest...)
	}
	dst = appendBytes(dst, traceparentField, []byte(extra.Traceparent))
	dst = appendBytes(dst, definitionHashField, extra.DefinitionHash)
	dst = appendBytes(dst, membersField, extra.Members)
	if extra.Addressee != 0 {
		dst = protowire.AppendTag(dst, addresseeField, protowire.Fixed64Type)
		dst = protowire.AppendFixed64(dst, extra.Addressee)
	}
	binary.LittleEndian.PutUint64(dst[begin:], uint64(len(dst)-begin-HeaderSize))
	return dst
}

func appendBytes(dst []byte, field protowire.Number, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return protowire.AppendBytes(dst, value)
}

// appendTimestamp appends a timestamp field that [Time] can decode.
func appendTimestamp(dst []byte, now time.Time) []byte {
	const seconds, nanos = 1, 2
	dst = append(dst, timestampTag, 0)
	begin := len(dst)
	dst = protowire.AppendTag(dst, seconds, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(now.Unix())) //nolint:gosec // protocol buffers encode negatives this way
	if n := now.Nanosecond(); n != 0 {
		dst = protowire.AppendTag(dst, nanos, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(n)) //nolint:gosec // not negative
	}
	dst[begin-1] = byte(len(dst) - begin)
	return dst
}
