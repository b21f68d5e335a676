package clusterfile_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/syncmod"
)

// members returns the members that the tests use.
func members(t testing.TB) []syncmod.Peer {
	t.Helper()
	var peers []syncmod.Peer
	for _, text := range []string{
		"alice=" + operators[0] + "@/ip4/192.0.2.1/tcp/9001,/ip4/192.0.2.1/udp/9001/quic-v1",
		"bob=" + enrs(t)[1] + "@/dns4/bob.example/tcp/9001",
		"carol=" + operators[2],
	} {
		p, err := clusterfile.ParsePeer(text)
		require.NoError(t, err)
		peers = append(peers, p)
	}
	return peers
}

func TestADefinitionSurvivesARoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ceremony.json")
	written, err := clusterfile.WriteDefinition(path, members(t))
	require.NoError(t, err)
	require.Equal(t, members(t), written.Peers)

	got, err := clusterfile.ReadDefinition(path)

	require.NoError(t, err)
	require.Empty(t, cmp.Diff(written, got))
}

const ownHash = "7742e18bb6b2e66e557b2407e6004a09001fd0d296b6c613dfdcd4689b598d2b"

// The hash is part of the format. Nodes of other versions and other programs must get
// the same hash.
func TestTheHashOfADefinitionIsFixed(t *testing.T) {
	written, err := clusterfile.WriteDefinition(filepath.Join(t.TempDir(), "ceremony.json"), members(t))

	require.NoError(t, err)
	require.Equal(t, ownHash, hex.EncodeToString(written.Hash))
}

func TestAnENRIdentifiesAMemberToo(t *testing.T) {
	file := own(t)
	byENR := strings.Replace(file, `"id":"`+operators[1]+`"`, `"enr":"`+enrs(t)[1]+`="`, 1)
	byBoth := strings.Replace(file, `"id":"`+operators[1]+`"`, `"id":"`+operators[1]+` ","enr":"`+enrs(t)[1]+`"`, 1)
	want, err := clusterfile.ReadDefinition(write(t, file))
	require.NoError(t, err)

	for _, content := range []string{byENR, byBoth} {
		require.NotEqual(t, file, content)
		got, err := clusterfile.ReadDefinition(write(t, content))

		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got))
	}
}

// own returns a definition in this package's format as JSON on one
// line.
func own(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ceremony.json")
	_, err := clusterfile.WriteDefinition(path, members(t))
	require.NoError(t, err)
	var fields any
	require.NoError(t, json.Unmarshal([]byte(read(t, path)), &fields))
	content, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(content)
}

func TestAChangedDefinitionIsRefused(t *testing.T) {
	file := own(t)
	for name, change := range map[string][2]string{
		"a name":           {"alice", "alicia"},
		"a key":            {operators[0], operators[3]},
		"an address":       {"192.0.2.1/tcp", "192.0.2.7/tcp"},
		"one address less": {`,"/ip4/192.0.2.1/udp/9001/quic-v1"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(file, change[0], change[1], 1)
			require.NotEqual(t, file, changed)
			path := write(t, changed)

			_, err := clusterfile.ReadDefinition(path)

			require.ErrorContains(t, err, path+": hash: it does not match these peers, whose hash is 0x")
			require.ErrorContains(t, err, "copy it again from the member who made it, or make a new one")
		})
	}
}

const (
	noID      = "it is not a peer ID, which looks like 16Uiu2HAm… or 12D3Koo…: copy it again"
	addresses = "/ip4/192.0.2.1/tcp/9001 or /dns4/node.example/tcp/9001"
)

func twice(field string) string {
	return `the field "` + field + `" appears twice: get the file again from the person who made it`
}

func TestABadDefinitionIsRefused(t *testing.T) {
	file := own(t)
	replaced := func(old, replacement string) string {
		changed := strings.Replace(file, old, replacement, 1)
		require.NotEqual(t, file, changed)
		return changed
	}
	for name, test := range map[string]struct{ content, want string }{
		"no hash": {replaced(`"hash":"0x`+ownHash+`",`, ""), "hash: it is missing"},
		"a short hash": {
			replaced(`"hash":"0x`, `"hash":"0x00`),
			"hash: it is not 32 bytes in hex: copy the file again",
		},
		"no peers": {`{"hash":"0x00"}`, "peers: 0 members, but a ceremony has 2 to 1024"},
		"no key": {
			replaced(`"id":"`+operators[0]+`"`, `"id":""`),
			"peers[0].id: it is missing, and there is no enr",
		},
		"a private key in place of an ID": {
			replaced(operators[1], read(t, keySample)),
			"peers[1].id: " + noID,
		},
		"an ID that is not that of the ENR": {
			replaced(`"id":"`+operators[1]+`"`, `"id":"`+operators[1]+`","enr":"`+enrs(t)[3]+`"`),
			"peers[1].id: it does not match the enr, whose ID is " + operators[3] + ": remove one of the two",
		},
		"a damaged ENR": {
			replaced(`"id":"`+operators[1]+`"`, `"enr":"enr:AAAA"`),
			"peers[1].enr: the ENR is cut off or damaged: copy it again",
		},
		"a key twice": {
			replaced(operators[2], operators[0]),
			"peers[2].id: peers[0] has it too: every member needs its own key",
		},
		"an address twice": {
			replaced("/dns4/bob.example/tcp/9001", "/ip4/192.0.2.1/tcp/9001/p2p/"+operators[1]),
			"peers[1].addrs[0]: /ip4/192.0.2.1/tcp/9001/p2p/" + operators[1] +
				" is also an address of peers[0]: every member needs its own address",
		},
		"another's address": {
			replaced("/dns4/bob.example/tcp/9001", "/dns4/bob.example/tcp/9001/p2p/"+operators[3]),
			"peers[1].addrs[0]: /dns4/bob.example/tcp/9001/p2p/" + operators[3] + " is an address of peer " +
				operators[3] + ", and this member is " + operators[1],
		},
		"an address as of a browser": {
			replaced("/dns4/bob.example/tcp/9001", "bob.example:9001"),
			"peers[1].addrs[0]: it is not a multiaddr: write it as " + addresses,
		},
		"an address for listening": {
			replaced("/dns4/bob.example/tcp/9001", "/ip4/0.0.0.0/tcp/9001"),
			"peers[1].addrs[0]: /ip4/0.0.0.0/tcp/9001 stands for every address of a machine: " +
				"write the address at which the others reach the member",
		},
		"any port": {
			replaced("/dns4/bob.example/tcp/9001", "/dns4/bob.example/tcp/0"),
			"peers[1].addrs[0]: /dns4/bob.example/tcp/0 has port 0: " +
				"write the port that the member listens on",
		},
		"no place": {
			replaced("/dns4/bob.example/tcp/9001", "/p2p/"+operators[1]),
			"peers[1].addrs[0]: /p2p/" + operators[1] + " names a peer, but no address: write it as " +
				"/ip4/192.0.2.1/tcp/9001",
		},
		"a name that cannot be printed": {
			replaced("carol", `ca\u0007rol`),
			"peers[2].name: it has characters that cannot be printed: write it again",
		},
		"a long name": {
			replaced("carol", strings.Repeat("ä", 65)),
			"peers[2].name: it is longer than 64 characters",
		},
		"a field that is misspelt": {
			replaced(`"addrs"`, `"adrs"`),
			`unknown field "adrs": was it misspelt?`,
		},
		"a long field that nobody knows": {
			replaced(`"addrs"`, `"`+strings.Repeat("x", 1<<20)+`"`),
			`unknown field "` + strings.Repeat("x", 65) + `…: was it misspelt?`,
		},
		"a long address": {
			replaced("bob.example/tcp/9001", "bob.example/tcp/0"+strings.Repeat("/ws", 1<<10)),
			"peers[1].addrs[0]: it is longer than 1024 bytes",
		},
		"a field twice":              {replaced(`"name":"alice"`, `"name":"x","name":"alice"`), twice("name")},
		"a field twice, with a null": {replaced(`"name":"alice"`, `"name":"alice","name":null`), twice("name")},
		"peers twice":                {replaced(`"peers":`, `"PEERS":[{},{}],"peers":`), twice("peers")},
		"too many members": {
			`{"peers":[` + strings.Repeat("{},", 1024) + `{}]}`,
			"peers: 1025 members, but a ceremony has 2 to 1024",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.content)

			_, err := clusterfile.ReadDefinition(path)

			require.EqualError(t, err, path+": "+test.want)
		})
	}
}

// Members outside Charon may have other kinds of keys. The ID of an RSA key does not contain the key.
func TestMembersMayHaveAnyKindOfKey(t *testing.T) {
	for name, id := range map[string]string{
		"Ed25519": "12D3KooWFpabomXzPZEXEncjLr2qSPYdbxUVu76FEvp9cw333kP8",
		"RSA":     "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
		"a CID":   "bafzaajaiaejca5zn6zafbdqcmrxp2mvjv4jsn43cl3q6ecl4qg5btnhkgq6ydhcd",
	} {
		_, err := clusterfile.ParsePeer("alice=" + id)

		require.NoError(t, err, name)
	}
}

// A member may have an address twice, because that is not ambiguous.
func TestAMemberMayRepeatAnAddress(t *testing.T) {
	peers := members(t)
	peers[0].Addrs = append(peers[0].Addrs, peers[0].Addrs[0])

	_, err := clusterfile.WriteDefinition(filepath.Join(t.TempDir(), "ceremony.json"), peers)

	require.NoError(t, err)
}

// All members behind one relay have the relay's address.
func TestMembersMayShareARelay(t *testing.T) {
	relay := "/ip4/192.0.2.9/tcp/4001/p2p/" + operators[3] + "/p2p-circuit"
	var peers []syncmod.Peer
	for i := range 3 {
		p, err := clusterfile.ParsePeer(fmt.Sprintf("member-%d=%s@%s", i, operators[i], relay))
		require.NoError(t, err)
		peers = append(peers, p)
	}

	_, err := clusterfile.WriteDefinition(filepath.Join(t.TempDir(), "ceremony.json"), peers)

	require.NoError(t, err)
}

func TestADefinitionIsNeverOverwritten(t *testing.T) {
	path := write(t, "precious")

	_, err := clusterfile.WriteDefinition(path, members(t))

	require.ErrorIs(t, err, fs.ErrExist)
	require.EqualError(t, err, path+": file exists, and is never overwritten: "+
		"choose another name, or move that file away")
	require.Equal(t, "precious", read(t, path))
}

func TestABadDefinitionIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ceremony.json")

	_, err := clusterfile.WriteDefinition(path, members(t)[:1])

	require.EqualError(t, err, path+": peers: 1 member, but a ceremony has 2 to 1024")
	require.NoFileExists(t, path)
}

func TestParsePeerNamesTheMistake(t *testing.T) {
	for text, want := range map[string]string{
		operators[0]:                   "a member without a name: write NAME=ID@ADDRESS",
		"alice=":                       `member "alice": id: it is missing, and there is no enr`,
		"alice=@/ip4/1.2.3.4/tcp/1":    `member "alice": id: it is missing, and there is no enr`,
		"alice=16Uiu2":                 `member "alice": id: ` + noID,
		"alice=" + operators[0] + "@x": `member "alice": addrs[0]: it is not a multiaddr: write it as ` + addresses,
	} {
		_, err := clusterfile.ParsePeer(text)

		require.EqualError(t, err, want)
	}
}

// The person who writes a definition knows the members by name and has no file yet, so
// errors use the names.
func TestWriteErrorsNameTheMember(t *testing.T) {
	peers := members(t)
	peers[1].Addrs = append(peers[1].Addrs, peers[0].Addrs[0])
	path := filepath.Join(t.TempDir(), "ceremony.json")

	_, err := clusterfile.WriteDefinition(path, peers)

	require.ErrorContains(t, err, path+`: member "bob": addrs[`)
	require.ErrorContains(t, err, ` is also an address of member "alice": every member needs its own address`)
}
