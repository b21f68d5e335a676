// Package stream holds everything that touches libp2p streams: the server half,
// which serves the streams that members open, and the client half, which keeps a
// stream to each member.
//
// A stream brings facts to its ceremony and does what the verdict says. It knows
// the ceremony by the [Ceremony] interface and holds no state of it; the rules are
// in package roster. The two halves do not know each other.
//
// The files: ceremony.go has what a stream and its ceremony know of each other.
// server.go admits streams, holds those that cannot be served yet and ends those
// of a closed ceremony; route.go finds the ceremony that a stream is for;
// inbound.go serves one stream, late.go the answers that wait. clients.go passes the
// host's events on; ceremonyclients.go has the clients of one ceremony, client.go one
// of them, dial.go how it connects, conversation.go what it says and outbound.go one
// stream of it; look.go has what a ceremony does in its place that only looks.
// writing.go is the only way to write on a stream, and fanout.go writes on many.
// end.go says how streams end, protect.go keeps relayed connections alive.
package stream
