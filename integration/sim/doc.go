// Package sim tests ceremonies over long distances, in virtual time. Real nodes, each
// an fx app on a real libp2p host, run on a simulated network. Its links are as long as
// those between cities on four continents. Links lose packets and fail. An hour of
// virtual time takes seconds. Computing takes no virtual time, so the duration of a
// ceremony is the time that its messages need, plus the time that it wastes.
//
// A flag sets the number of members for the tests that can grow:
//
//	go test ./integration/sim -members 50,100
package sim
