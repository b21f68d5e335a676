// Package syncpb holds the two messages of the DKG sync protocol. They are generated from sync.proto, which explains
// every field. Frames, limits and rules are elsewhere: this package only says what is sent.
package syncpb
