package wire

import "encoding/binary"

// Most requests of a stream differ from the one before only in their timestamp, and so
// do their responses. With the functions of this file, a server recognizes such a
// request and answers it, without decoding the request or encoding the response.

const (
	timestampTag  = 1<<3 | 2 // field 1, length-delimited: first in a request and in a response
	maxSmallField = 1<<7 - 1 // the longest field whose length takes one byte
)

// SplitTimestamp splits the payload of a request into its leading timestamp field, with
// tag and length, and the rest. It returns false if the payload does not begin with a
// timestamp of ordinary size.
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

// AppendEcho appends the frame of a response that has the given timestamp field, as
// [SplitTimestamp] returns it, and the given rest.
func AppendEcho(dst, timestamp, rest []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(timestamp)+len(rest)))
	dst = append(dst, timestamp...)
	return append(dst, rest...)
}
