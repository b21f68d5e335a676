package wire

import "fmt"

// LengthError is returned when the header of a frame claims an impossible length. The payload has not been read. The
// stream is of no further use, because the next frame cannot be found.
type LengthError struct {
	// Length is the length that the header claims, in bytes.
	Length int64
	// Max is the limit of the reader, in bytes.
	Max int
}

// Error returns a sentence with the claimed length and the limit.
func (e *LengthError) Error() string {
	return fmt.Sprintf("frame of %d bytes refused: a frame has 1 to %d bytes", e.Length, e.Max)
}

// PayloadError is returned when the payload of a frame is not the expected message.
type PayloadError struct {
	// Err is the error of the decoder.
	Err error
}

// Error returns a sentence with the error of the decoder.
func (e *PayloadError) Error() string {
	return fmt.Sprintf("frame refused: its payload is not the expected message: %v", e.Err)
}

// Unwrap returns Err.
func (e *PayloadError) Unwrap() error { return e.Err }
