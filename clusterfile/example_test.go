package clusterfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/syncmod"
)

// Each member makes a key and shares its ENR. One of them writes the definition, and all
// of them read it.
func Example() {
	dir, err := os.MkdirTemp("", "ceremony")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	var members []syncmod.Peer
	for _, name := range []string{"alice", "bob"} {
		key, err := clusterfile.CreateKey(filepath.Join(dir, name+".key"))
		if err != nil {
			panic(err)
		}
		enr, err := clusterfile.ENR(key)
		if err != nil {
			panic(err)
		}
		member, err := clusterfile.ParsePeer(name + "=" + enr + "@/dns4/" + name + ".example/tcp/9001")
		if err != nil {
			panic(err)
		}
		members = append(members, member)
	}
	file := filepath.Join(dir, "ceremony.json")
	if _, err := clusterfile.WriteDefinition(file, members); err != nil {
		panic(err)
	}

	definition, err := clusterfile.ReadDefinition(file)
	if err != nil {
		panic(err)
	}
	key, err := clusterfile.ReadKey(filepath.Join(dir, "bob.key"))
	if err != nil {
		panic(err)
	}
	for i, member := range definition.Peers {
		fmt.Println(i, member.Name, member.Addrs[0], "is this node:", member.ID.MatchesPrivateKey(key))
	}
	// Output:
	// 0 alice /dns4/alice.example/tcp/9001 is this node: false
	// 1 bob /dns4/bob.example/tcp/9001 is this node: true
}
