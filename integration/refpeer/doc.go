// Package refpeer is another implementation of the protocol. Package syncmod is tested against it.
// It is written from the description of the protocol, shares no code with syncmod, and behaves like
// the programs with which a ceremony may be mixed.
//
//	definition := refpeer.Definition{Hash: hash, Peers: members}
//	p := refpeer.New(host, definition, refpeer.Options{Variant: refpeer.CharonLike, Version: "v1.11"})
//	p.Start()
//	defer p.Close()
//	err := p.Run(ctx, 5) // connect, five steps, the last barrier, the goodbyes
//
// It differs from syncmod in the following ways. Its client sends one request at a time, at a tick of
// 100 ms, and waits forever for the response. Its server waits forever for the next request, and
// takes the payload of a frame with a single Read. An error in a response is final. A waiter looks
// every millisecond. After a reset, a stream is opened again at once, and the old one is left as it
// is. The peer knows no session, no abort and no definition hash in a request.
//
// With [Process] it also acts by itself, as the programs do.
//
// frame.go has the bytes, rules.go the three checks of a request, server.go and client.go the two
// ends of a stream, barrier.go the waits, and process.go the process. Where the known programs
// differ, [Variant] says how.
package refpeer
