// Package wire turns the messages of the DKG sync protocol into frames and back. A frame is the length of the payload
// in bytes, as an int64 in little endian, followed by the payload, which is one protobuf message.
//
// No other package knows how messages are encoded on a stream, and this one does not know libp2p. [AppendRequest] and
// [AppendResponse] build a whole frame that the caller sends with a single Write, because some peers read a payload
// with a single Read. [Reader] reads frames from any [io.Reader], no matter in which pieces they arrive.
//
// The bytes that are read may come from a hostile peer. Apart from a small fixed amount, a [Reader] never holds more
// than its limit, and never more than a small multiple of what has arrived.
package wire
