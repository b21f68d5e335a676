// Package limits holds the tests of what libp2p and the system allow a host: many
// nodes in one place, and many ceremonies at once.
//
// libp2p exempts loopback from its limits by address. The tests of this package
// therefore run in a network namespace of their own (Linux), whose loopback device
// has addresses that are none. Where namespaces are not allowed, the tests that need
// one are skipped; with CI set in the environment they fail.
//
//	go test -v ./integration/limits -args -ceremonies 1000   // without the race detector
package limits
