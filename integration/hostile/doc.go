// Package hostile tests what hostile peers can do. They are members that say what no
// member should, and strangers. Each is a bare libp2p host on which the test controls
// every byte. The nodes that they meet are real fx apps.
//
// A hostile member can make a ceremony fail. For each attack in the table, the failure
// names the hostile member, or the member whom the hostile member blames. A stranger
// cannot make a ceremony fail. Neither can use up a node's memory, delay its stop, or
// write into its log.
//
//	go test -race -v -run Table ./integration/hostile   # prints the outcome of each attack
package hostile
