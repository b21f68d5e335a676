// Package stream has everything that touches libp2p streams. The server half serves the
// streams that members open; the client half keeps a stream to each member.
//
// A stream reports facts to its ceremony and does what the verdict says. It knows the
// ceremony only through the [Ceremony] interface and keeps no state of it; the rules
// are in package roster. The two halves do not know each other. A foreign member is one
// that runs another implementation of the protocol.
//
// A request leaves this node in these steps. The ceremony makes an [Announcement],
// whose frame is encoded once. [CeremonyClients.Notify] calls every client's say
// method. The outbound stream composes the request (sayNext), remembers it as
// outstanding (send) and writes it (flush). When a response comes (read), it belongs to
// the oldest outstanding request and goes to [OutboundFacts].
//
// A request arrives in these steps. [Server] admits the stream and reads its first
// request (first), finds the ceremony that the stream is for (route) and registers the
// stream there (join). Each request goes to [InboundFacts] and is answered as the
// verdict says (take): at once (answer) or a little later, together with others
// ([Late]). A request that repeats the last accepted one is answered without being
// decoded (next).
//
// The files:
//
//   - ceremony.go: what a stream and its ceremony know of each other
//   - server.go: which streams are admitted, which are held, and how they end
//   - route.go: which ceremony a stream is for
//   - inbound.go: one stream that is served
//   - late.go: the answers that wait
//   - attestation.go: what a member attests, and how that is checked
//   - signature.go: the one encoding of a signature that counts
//   - clients.go: the host's events, passed on to the clients
//   - ceremonyclients.go: the clients of one ceremony
//   - client.go, dial.go, conversation.go: one client, how it connects and what it sends
//   - again.go: why a dial that timed out failed
//   - outbound.go: one stream of a client
//   - look.go: what a ceremony that only looks does instead
//   - writing.go: the only way to write on a stream
//   - fanout.go: how many streams are written on at the same time
//   - end.go: how streams end
//   - protect.go: how relayed connections are kept
package stream
