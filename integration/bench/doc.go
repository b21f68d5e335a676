// Command bench measures what a ceremony costs, and compares it with the least that its
// messages can cost. It measures how long a barrier takes if all members enter it
// together, or if it waits for one straggler. It also measures how much processor time
// connected and waiting members use, how much memory a peer takes, and how long the mesh
// takes to connect.
//
// All members run in one process, as real hosts on loopback TCP. The floor for
// barriers is a bare mesh of streams on the same connections. It carries as many
// frames of the same size and does nothing else with them. Barrier and floor take
// turns in short blocks, because a machine is never equally quiet.
//
// Every measurement is one line on standard output: a name, and pairs of key and
// value. With -markdown and -chart, bench also writes the lines as tables into a
// document and as a picture. With -from, it reads them from an earlier run.
//
//	go run ./integration/bench                           everything
//	go run ./integration/bench -n 10 -only latency       the barriers of ten members
//	go run ./integration/bench -n 32 -only latency -without floor -cpuprofile cpu.out
package main
