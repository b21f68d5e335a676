package wire

import "encoding/binary"

// Most requests of a stream repeat the one before but for their timestamp, and
// the answer to such a one repeats the answer. What follows lets a server see
// that without decoding either.

const (
	timestampTag  = 1<<3 | 2 // field 1, length-delimited: first in a request and in a response
	maxSmallField = 1<<7 - 1 // the longest field whose length is one byte
)

// SplitTimestamp splits the payload of a request into its leading timestamp
// field, tag and length included, and all the rest. It returns false when the
// payload does not begin with a timestamp of ordinary size.
func SplitTimestamp(payload []byte) (timestamp, rest []byte, ok bool) {
	const head = 2
	if len(payload) < head || payload[0] != timestampTag || payload[1] > maxSmallField {
		return nil, nil, false
	}
	end := head + int(payload[1])
	if end > len(payload) {
		return nil, nil, false
	}
	return payload[:end], payload[end:], true
}

// AppendEcho appends the frame of a response that consists of a timestamp field
// as [SplitTimestamp] returns it, and of what follows it.
func AppendEcho(dst, timestamp, rest []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(timestamp)+len(rest)))
	dst = append(dst, timestamp...)
	return append(dst, rest...)
}
