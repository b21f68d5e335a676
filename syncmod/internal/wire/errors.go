package wire

import "fmt"

// LengthError says that a frame's header claims a length that no frame has. Nothing of the payload has been read, and
// there is no way to find the next frame: the stream is of no more use.
type LengthError struct {
	// Length is what the header claims, in bytes.
	Length int64
	// Max is the reader's limit, in bytes.
	Max int
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("frame of %d bytes refused: a frame has 1 to %d bytes", e.Length, e.Max)
}

// PayloadError says that a frame's payload is not the message it should be.
type PayloadError struct {
	// Err is what the decoder says.
	Err error
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("frame refused: its payload is not the expected message: %v", e.Err)
}

func (e *PayloadError) Unwrap() error { return e.Err }
