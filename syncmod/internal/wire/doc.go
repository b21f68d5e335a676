// Package wire turns the messages of the DKG sync protocol into frames and back. A frame is the payload's length in
// bytes, an int64 in little endian, and then the payload, one protobuf message.
//
// It is the only place that knows how a message lies on a stream. It knows no libp2p: [AppendRequest] and
// [AppendResponse] build a whole frame for the caller to send with a single Write, because some peers read a payload
// with a single Read, and [Reader] takes frames from any [io.Reader], in whatever pieces they arrive.
//
// What is read comes from somebody who may be hostile. A [Reader] never holds more than its limit, and never more
// than a small multiple of what has really arrived.
package wire
