// Package hosts makes the libp2p host of a node from what its operator says: the key, where to listen, and the relays
// through which others reach it. It also makes the relay itself.
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
// A node behind a NAT or a firewall is reached through a relay that everyone can reach. For that, two things are needed:
// the node holds a reservation at the relay, and the others know that they can find it there. [Listen] does both, for
// every relay that the operator names: it reserves, and renews the reservation for as long as the host lives; and it
// notes for every member that it may be found at the relay too, by the address RELAY/p2p-circuit. So give all members
// the same relays.
//
// A relay may be named by its address, or by a URL that answers GET with a JSON list of such addresses, as the page of
// [Relay] and Charon's relays do. A relay that does not answer, or refuses, is logged with the reason and tried again
// until it does. A URL is asked again each time.
//
// The node always reserves, whether the internet can reach it or not: a firewall between two members is nothing that
// libp2p's AutoNAT could see. For the same reason it does not use AutoRelay, which starts with the host and not once
// the host listens, keeps its reasons to itself, and stops when others say that the node is public.
//
// # From a relay to a direct connection
//
// Two members that meet at a relay try to reach each other directly (hole punching, DCUtR), and syncmod moves its
// streams when they succeed. For this a node has to listen, and to know the address at which the internet sees it. The
// relay tells it that, so the node connects to a relay first, waits a moment for the address, and only then reserves.
package hosts
