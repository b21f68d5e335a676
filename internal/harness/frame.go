package harness

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// LongestFrame is the length in bytes of the longest frame that the harness reads.
const LongestFrame = 4 << 20

// Frame returns a message as a frame: the length of the payload in eight bytes, little
// endian, then the payload. It shares no code with the tested packages.
func Frame(m proto.Message) []byte {
	payload, err := proto.Marshal(m)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return Framed(payload)
}

// Framed returns a frame with any payload.
func Framed(payload []byte) []byte { return append(Claim(int64(len(payload))), payload...) }

// Claim returns the header of a frame with the given length.
func Claim(length int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(length))
}

// ReadFrame reads a frame and returns its payload.
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

// ReadMessage reads a frame and decodes the message in it.
func ReadMessage(r io.Reader, into proto.Message) error {
	payload, err := ReadFrame(r)
	if err != nil {
		return err
	}
	return proto.Unmarshal(payload, into)
}
