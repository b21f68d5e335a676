package wire

import (
	"bytes"
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// A view is the last field of a request. So a server can recognize a request that
// repeats the one before and only adds a view, without decoding it.

const viewField protowire.Number = 1007

// AppendView adds a view to the request in a frame made by [AppendRequest]. The frame
// must hold one request and nothing else.
func AppendView(frame, view []byte) []byte {
	frame = slices.Grow(frame, protowire.SizeTag(viewField)+protowire.SizeBytes(len(view)))
	frame = protowire.AppendTag(frame, viewField, protowire.BytesType)
	frame = protowire.AppendBytes(frame, view)
	binary.LittleEndian.PutUint64(frame, uint64(len(frame)-HeaderSize))
	return frame
}

// SplitView compares the parts of two requests after the timestamp. It returns true if
// they are equal, or if rest is the bytes of other and then a view. In that case it
// also returns the view.
func SplitView(rest, other []byte) (view []byte, ok bool) {
	after, ok := bytes.CutPrefix(rest, other)
	if !ok || len(after) == 0 {
		return nil, ok
	}
	number, kind, n := protowire.ConsumeTag(after)
	if n < 0 || number != viewField || kind != protowire.BytesType {
		return nil, false
	}
	view, size := protowire.ConsumeBytes(after[n:])
	return view, size == len(after)-n
}
