// Package sim tests ceremonies over distance, in virtual time: real nodes, each
// an fx app on a real libp2p host, on a simulated network whose links are as long
// as those between cities of four continents. Links lose packets and fall apart;
// an hour of it takes seconds. Computing takes no virtual time, so that what a
// ceremony takes is what its messages need to arrive, and whatever it wastes.
//
// The tests that grow take the number of members by a flag:
//
//	go test ./integration/sim -members 50,100
package sim
