// Package clusterfile reads and writes the two files that a node needs for a
// ceremony: the definition, which all members share, and this node's private key.
//
//	key, err := clusterfile.ReadKey("alice.key")
//	definition, err := clusterfile.ReadDefinition("ceremony.json")
//
// [ReadDefinition] reads a definition of this package or a cluster definition of
// Charon. It tells them apart by their content. [ReadKey] reads Charon's
// charon-enr-private-key and the files that [CreateKey] writes, which have the same
// format.
//
// A file may have a byte order mark, Windows line endings, spaces around its text, and
// 0x or 0X before hex digits. An error names the file and the field, and says what to
// do. If the file is of another kind, the error names that kind. No error contains any
// part of a key. Pipes and devices are refused. So is JSON that contains a field twice.
//
// # A definition of this package
//
// [WriteDefinition] writes such a file:
//
//	{
//	  "hash": "0x7be4…",
//	  "peers": [
//	    {"name": "alice", "id": "16Uiu2HAm…", "addrs": ["/ip4/192.0.2.1/tcp/9001"]},
//	    {"name": "bob", "enr": "enr:-HW4Q…", "addrs": ["/dns4/bob.example/tcp/9001"]}
//	  ]
//	}
//
// The members are in operator order. Each member has a peer ID, or an Ethereum node
// record (ENR, EIP-778) of its key, or both. Names and addresses are optional.
//
// The hash covers everything else in the file. It is the SHA-256 hash of the bytes
// below. A number is 4 bytes, big endian. A string is its length as a number, followed
// by its bytes.
//
//	"dkgsync/definition/v1\x00"
//	the number of members, and for each of them
//	    its name, a string
//	    the bytes of its peer ID (a multihash), a string
//	    the number of its addresses, and each in its binary form, a string
//
// So everyone who lists the same members gets the same hash, and a file that was changed
// later is refused.
//
// # A cluster definition of Charon
//
// The definition_hash becomes the hash of the ceremony, and the operators become its
// members. Their ENRs give the peer IDs, and the signatures of the ENRs are verified.
// The file has no libp2p addresses. Add them to the Peers of the result, or let the
// host find the members.
//
// A definition that contradicts itself is refused. It contradicts itself if the number
// of operators differs from num_operators or is below the threshold, or if an ENR or an
// operator's Ethereum address appears twice.
//
// The definition_hash itself is not verified. How Charon computes it is not part of the
// protocol, and this package cannot compute it. Members that run package syncmod compare
// a digest of their lists of members on the wire, so they notice if the lists differ
// ([syncmod.ErrMembersMismatch]). If all members have the same changed file, nobody
// notices.
//
// # The licence
//
// This package reads and writes ENRs with go-ethereum's packages p2p/enr and rlp,
// whose licence is the LGPL-3.0. The package is a Go module of its own, so that a
// program that does not use it does not depend on go-ethereum.
package clusterfile
