// Command procs runs a ceremony as operators do: with the fxapp binary, in a process
// for each member and one for a relay, with key files and a definition that fxapp made.
// It prints what all of them say, and checks what they leave behind.
//
// Two of the four members are firewalled: nothing reaches them but what they reach
// themselves, so they reach each other through the relay only. The others are found at
// their addresses. In the end all have the same group key, every three shares sign
// together, and the receipts verify.
//
//	make demo-procs
//	make demo-procs ARGS="--late 3s"
//	make demo-procs ARGS="--kill 1 --attempts 2"
//
// The tests run the same, and kill processes at random moments: whenever that is, either
// everybody has a share of the same key, or there is none that anything would use.
package main
