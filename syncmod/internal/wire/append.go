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

// errEmptyPayload keeps a frame from being sent that no reader accepts.
var errEmptyPayload = errors.New("the message is empty: every reader refuses a frame of zero bytes")

// marshal relies on the size that appendFrame has just asked for, so that the message is walked only once for it.
var marshal = proto.MarshalOptions{Deterministic: true, UseCachedSize: true}

// AppendRequest appends m to dst as one whole frame, header and payload, and returns the extended slice. Equal
// messages give equal bytes. It fails when m is empty or holds a string that is not UTF-8; dst is then returned
// as it was. It does not check the frame against the limit of any reader.
func AppendRequest(dst []byte, m *syncpb.SyncRequest) ([]byte, error) {
	frame, err := appendFrame(dst, m)
	if err != nil {
		return dst, fmt.Errorf("encode sync request: %w", err)
	}

	return frame, nil
}

// AppendResponse is [AppendRequest] for a response, but for one thing: the response to a request without a timestamp
// and without a session number is empty, and every known server answers it with a frame of zero bytes. So does this.
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
