// Package refpeer is another implementation of the protocol, to test the plugin
// against: it is written from the protocol's description, shares no code with
// syncmod, and behaves as the programs do that a ceremony may be mixed with.
//
//	definition := refpeer.Definition{Hash: hash, Peers: members}
//	p := refpeer.New(host, definition, refpeer.Options{Variant: refpeer.CharonLike, Version: "v1.11"})
//	p.Start()
//	defer p.Close()
//	err := p.Run(ctx, 5) // connect, five steps, the last barrier, the goodbyes
//
// What it does, and syncmod does not: its client says one request at a time, at
// a tick of 100 ms, and waits for the response for ever; its server waits for
// the next request for ever, and takes the payload of a frame with a single
// Read; an error in a response is final; a waiter looks every millisecond; a
// stream that was reset is opened again at once, and the old one is left as it
// is. It knows no session, no abort and no definition hash in a request.
//
// With [Process] it also acts by itself, as the programs do.
//
// frame.go has the bytes, rules.go the three checks of a request, server.go and
// client.go the two ends of a stream, barrier.go what waits, process.go the process.
// Where the known programs differ, [Variant] says how.
package refpeer
