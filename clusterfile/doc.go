// Package clusterfile reads and writes the two files that a node needs for a
// ceremony: the definition, which all members share, and this node's private key.
//
//	key, err := clusterfile.ReadKey("alice.key")
//	definition, err := clusterfile.ReadDefinition("ceremony.json")
//
// [ReadDefinition] takes a definition of this package or a cluster definition of
// Charon, and tells them apart by their content. [ReadKey] takes Charon's
// charon-enr-private-key and what [CreateKey] writes, which is the same. Files may
// have a byte order mark, Windows line ends, spaces around them, and 0x or 0X
// before hex digits. An error names the file, the field, and what to do; a file of
// another kind is called by its name. No error contains any part of a key. Pipes and
// devices are refused, and so is JSON in which a field is there twice.
//
// # A definition of this package
//
// [WriteDefinition] makes it:
//
//	{
//	  "hash": "0x7be4…",
//	  "peers": [
//	    {"name": "alice", "id": "16Uiu2HAm…", "addrs": ["/ip4/192.0.2.1/tcp/9001"]},
//	    {"name": "bob", "enr": "enr:-HW4Q…", "addrs": ["/dns4/bob.example/tcp/9001"]}
//	  ]
//	}
//
// The members stand in operator order. Each has a peer ID, or an Ethereum node
// record (ENR, EIP-778) of its key, or both. Names and addresses are optional.
//
// The hash binds everything else in the file. It is the SHA-256 of these bytes, in
// which a number is 4 bytes, big endian, and a string is its length as a number,
// then its bytes:
//
//	"dkgsync/definition/v1\x00"
//	the number of members, and for each of them
//	    its name, a string
//	    the bytes of its peer ID (a multihash), a string
//	    the number of its addresses, and each in its binary form, a string
//
// So everyone who writes down the same members gets the same hash, and a file that
// was changed afterwards is refused.
//
// # A cluster definition of Charon
//
// The ceremony's hash is its definition_hash, and the members are its operators,
// by their ENRs, whose signatures are verified. It has no addresses: add them to
// the Peers of the result, or let the host find the members.
//
// A definition that contradicts itself is refused: one whose number of operators is
// not its num_operators or is below its threshold, or in which an ENR or an
// operator's address appears twice. Beyond that its definition_hash is taken as it
// stands: how Charon computes it is not part of the protocol, and this package
// cannot do it again. Whether all members run the same list is found out on the
// wire, where members that run package syncmod compare a digest of it
// ([syncmod.ErrMembersMismatch]). If all of them have the same changed file, nobody
// notices.
//
// # Its licence
//
// This package reads and writes ENRs with go-ethereum's packages p2p/enr and rlp,
// whose licence is the LGPL-3.0. It is a module of its own, so that a program
// without it depends on neither.
package clusterfile
