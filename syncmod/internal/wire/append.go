package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// HeaderSize is the size of a frame's header in bytes.
const HeaderSize = 8

// errEmptyPayload is returned instead of a frame that every reader would refuse.
var errEmptyPayload = errors.New("the message is empty: every reader refuses a frame of zero bytes")

// marshal uses the size that appendFrame has just computed, so that a message is walked only once for its size.
var marshal = proto.MarshalOptions{Deterministic: true, UseCachedSize: true}

// AppendRequest appends m to dst as one whole frame, header and payload, and returns the extended slice. Equal messages
// give equal bytes. It returns an error, and dst unchanged, if m is empty or has a string that is not UTF-8. It does
// not check whether the frame exceeds the limit of a reader.
func AppendRequest(dst []byte, m *syncpb.SyncRequest) ([]byte, error) {
	frame, err := appendFrame(dst, m)
	if err != nil {
		return dst, fmt.Errorf("encode sync request: %w", err)
	}

	return frame, nil
}

// AppendResponse is [AppendRequest] for a response, with one exception: an empty response becomes a frame of zero
// bytes. The response to a request without a timestamp and a session number is empty, and every known server sends such
// a frame for it.
func AppendResponse(dst []byte, m *syncpb.SyncResponse) ([]byte, error) {
	frame, err := appendFrame(dst, m)
	if errors.Is(err, errEmptyPayload) {
		return binary.LittleEndian.AppendUint64(dst, 0), nil
	}
	if err != nil {
		return dst, fmt.Errorf("encode sync response: %w", err)
	}

	return frame, nil
}

func appendFrame(dst []byte, m proto.Message) ([]byte, error) {
	size := proto.Size(m)
	if size == 0 {
		return nil, errEmptyPayload
	}

	frame := slices.Grow(dst, HeaderSize+size)
	frame = binary.LittleEndian.AppendUint64(frame, uint64(size))

	return marshal.MarshalAppend(frame, m)
}
