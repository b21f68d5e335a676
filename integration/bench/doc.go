// Command bench measures what a ceremony costs, next to the least that its
// messages can cost: how long a barrier takes that all enter together, or that
// waits for one straggler; what connected and waiting members use of a
// processor; what a peer takes in memory; how long the mesh takes to connect.
//
// All members run in one process, as real hosts on loopback TCP. The floor that
// barriers are compared with is a bare mesh of streams on the same connections,
// which carries as many frames of the same size and does nothing else with them.
// The two take turns in short blocks, for a machine is never equally quiet.
//
// Every measurement is one line on standard output, a name and pairs of key and
// value. With -markdown and -chart the lines also become tables in a document and
// a picture; -from takes them from an earlier run.
//
//	go run ./integration/bench                           everything
//	go run ./integration/bench -n 10 -only latency       the barriers of ten members
//	go run ./integration/bench -n 32 -only latency -without floor -cpuprofile cpu.out
package main
