// Package hosts makes the libp2p host of a node from what its operator knows: the key, where to listen, and the
// relays through which others reach the node. It also makes the relay itself.
//
//	fx.New(
//		fx.Supply(hosts.Config{Key: key, Listen: listen, Relays: relays, Members: members}, log),
//		fx.Provide(hosts.New),
//		dkgsync.Module,
//		fx.Invoke(hosts.Listen), // last: whoever reaches the node finds everything there
//	)
//
// # Behind relays
//
// Others reach a node behind a NAT or a firewall through a relay, which runs where all of them can reach it. That
// takes two things: the node holds a reservation at the relay, and the others look for it there. [Listen] does both,
// at each relay that the operator names. It makes reservations and renews them until the host is closed, and it adds
// the address RELAY/p2p-circuit for every member to the peerstore. Give all members the same relays.
//
// An operator names a relay by its address, or by a URL that answers GET with a JSON list of such addresses, as
// [Relay] and Charon's relays do. When a relay does not answer, or refuses, the log says why, and the node tries
// again until the host is closed. Each attempt asks the URL again.
//
// A node makes reservations even when the internet can reach it: there may be a firewall between two members that
// nobody else sees. That is one reason not to use libp2p's AutoRelay, which stops when a node is public. The others:
// it starts with the host, before the host listens; and it does not say why a relay is of no use.
//
// # From a relay to a direct connection
//
// Two members that meet at a relay try to connect directly (hole punching, DCUtR). When they succeed, syncmod moves
// its streams. Both have to listen, and to know the address at which the internet sees them, which the relay tells
// them. So a node first connects to the relay, waits a moment for its address, and then makes the reservation: two
// members that meet earlier do not try.
package hosts
