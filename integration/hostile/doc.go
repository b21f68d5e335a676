// Package hostile holds the tests of what hostile peers can do: members that
// say what no member should, and strangers. Each is a bare libp2p host on which
// every byte is the test's; the nodes that it meets are real fx apps.
//
// A hostile member can make a ceremony fail, with its name on it. A stranger can
// not. Neither can take a node's memory, hold up its stop, or write into its log.
//
//	go test -race -v -run Table ./integration/hostile   // prints what each attack came to
package hostile
