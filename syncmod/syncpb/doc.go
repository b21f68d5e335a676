// Package syncpb holds the two messages of the DKG sync protocol, as generated from sync.proto, where every field is
// explained. Frames, limits and rules are elsewhere: this package only says what travels.
package syncpb
