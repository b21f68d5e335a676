package harness

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// LongestFrame is how many bytes a frame may claim that the harness reads.
const LongestFrame = 4 << 20

// Frame is a message as it lies on a stream: the length of its payload in eight
// bytes, little endian, then the payload. It shares no code with what is tested.
func Frame(m proto.Message) []byte {
	payload, err := proto.Marshal(m)
	if err != nil {
		panic(err) // a defect of the test
	}
	return Framed(payload)
}

// Framed is a frame of any payload.
func Framed(payload []byte) []byte { return append(Claim(int64(len(payload))), payload...) }

// Claim is the header of a frame that is said to have so many bytes.
func Claim(length int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(length))
}

// ReadFrame reads a frame, and returns its payload.
func ReadFrame(r io.Reader) ([]byte, error) {
	var header [8]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(header[:])
	if length > LongestFrame {
		return nil, fmt.Errorf("a frame of %d bytes", length)
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(r, payload)
	return payload, err
}

// ReadMessage reads a frame, and the message in it.
func ReadMessage(r io.Reader, into proto.Message) error {
	payload, err := ReadFrame(r)
	if err != nil {
		return err
	}
	return proto.Unmarshal(payload, into)
}
