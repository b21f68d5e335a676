// Package hostile tests what hostile peers can do. They are members that say what no
// member should, and strangers. Each is a bare libp2p host on which the test controls
// every byte. The nodes that they meet are real fx apps.
//
// A hostile member can make a ceremony fail, but the failure names that member. A
// stranger cannot make it fail. Neither can use up a node's memory, delay its stop, or
// write into its log.
//
//	go test -race -v -run Table ./integration/hostile   # prints the outcome of each attack
package hostile
