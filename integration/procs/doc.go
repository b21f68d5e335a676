// Command procs runs a ceremony as operators do: with the fxapp binary, in a process for
// each member and one for a relay, with keys and a definition that fxapp made. It prints
// the output of all processes, and checks the files that they leave behind.
//
// Two of the four members are firewalled. No connection reaches them unless they make
// it, so they can reach each other only through the relay. The others are reachable at
// their addresses. At the end all members have the same group key, any three shares
// can sign together, and the receipts verify.
//
//	make demo-procs
//	make demo-procs ARGS="--late 3s"
//	make demo-procs ARGS="--kill 1 --attempts 2"
//
// The tests do the same, and kill processes at random moments. Whatever the moment,
// either everyone ends with a share of the same key, or there is no share that anything
// would use.
package main
