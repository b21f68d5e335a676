// Package limits tests what libp2p and the system allow a host: many nodes in one place,
// and many ceremonies at the same time.
//
// libp2p exempts loopback from its limits by address. So these tests run in a network
// namespace of their own (Linux), whose loopback device has other addresses. Where
// namespaces are not allowed, tests that need one are skipped. With CI set in the
// environment they fail.
//
//	go test -v ./integration/limits -args -ceremonies 1000   // without the race detector
package limits
