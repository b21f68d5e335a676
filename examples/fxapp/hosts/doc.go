// Package hosts makes the libp2p host of a node from what its operator knows: the key, where to listen, and the
// relays through which others reach the node. It also makes the relay itself.
//
//	fx.New(
//		fx.Supply(hosts.Config{Key: key, Listen: listen, Relays: relays, Members: members}, log),
//		fx.Provide(hosts.New),
//		dkgsync.Module,
//		fx.Invoke(hosts.Listen), // last: when others can reach the node, everything is ready
//	)
//
// # Behind relays
//
// Others reach a node behind a NAT or a firewall through a relay, which runs where all nodes can reach it. The node
// needs a reservation at the relay, and the others must look for the node there. [Listen] does both at each relay that
// the operator names. It makes reservations and renews them until the host is closed. It also adds the address
// RELAY/p2p-circuit to the peerstore for every member. Give all members the same relays.
//
// An operator names a relay by its address, or by a URL that answers GET with a JSON list of such addresses, as
// [Relay] and Charon's relays do. When a relay does not answer, or refuses, the log says why, and the node tries
// again until the host is closed. Each try asks the URL again.
//
// A node makes reservations even if the internet can reach it, because a firewall may still separate two members. That
// is one reason why this package does not use libp2p's AutoRelay, which stops when a node is public. There are two
// more: AutoRelay starts with the host, before the host listens, and it does not say why a relay is unusable.
//
// # From a relay to a direct connection
//
// Two members that meet at a relay try to connect directly (hole punching, DCUtR). When they succeed, syncmod moves
// its streams. Both must listen and know their public address, which the relay tells them. If they meet before they
// know it, they do not try. So a node first connects to the relay, waits a moment for its address, and only then makes
// the reservation.
package hosts
