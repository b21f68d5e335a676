package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
)

const (
	sampleDefinition = "testdata/charon-v1.11-4-operators.json"
	sampleKeys       = "testdata"
)

// The peer IDs of the sample's operators, in their order.
var samplePeers = []string{
	"16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz",
	"16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97",
	"16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us",
	"16Uiu2HAmFtkgruRS9pjW1i3kydsLP7GjjJ4yGwJjBwHZen1hXx2f",
}

func TestReadDefinitionFindsPeerIDsAndHash(t *testing.T) {
	t.Parallel()
	d, err := readDefinition(sampleDefinition)
	require.NoError(t, err)
	var ids []string
	for _, id := range d.members {
		ids = append(ids, id.String())
	}
	require.Equal(t, samplePeers, ids)
	require.Equal(t, "3ecf58b219befd786f564d648e63745942960cafc6b200d63ffa7341cc9b6594", hex.EncodeToString(d.hash))
}

func TestReadKeysFindsEveryOperatorsKey(t *testing.T) {
	t.Parallel()
	d, err := readDefinition(sampleDefinition)
	require.NoError(t, err)
	keys, err := readKeys(sampleKeys, d)
	require.NoError(t, err)
	for i, key := range keys {
		id, err := peer.IDFromPrivateKey(key)
		require.NoError(t, err)
		require.Equal(t, samplePeers[i], id.String())
	}
}

func TestReadDefinitionSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	enrs := sampleENRs(t)
	for name, test := range map[string]struct {
		content string // of the file
		want    string // after its path
	}{
		"empty":     {"", `not JSON, line 1: unexpected end of JSON input`},
		"truncated": {string(sample(t))[:400], `not JSON, line 16: unexpected end of JSON input`},
		"not JSON": {
			"operators: 4\n",
			`not JSON, line 1: invalid character 'o' looking for beginning of value`,
		},
		"followed by more": {
			string(sample(t)) + "}",
			`not JSON, line 52: invalid character '}' after top-level value`,
		},
		"a list":        {"[]", `not a cluster definition: it is a JSON array`},
		"a wrong type":  {`{"operators": {}}`, `not a cluster definition: "operators" is a JSON object`},
		"no hash":       {edited(t, "definition_hash", nil), `"definition_hash" is missing`},
		"an empty hash": {edited(t, "definition_hash", ""), `"definition_hash" is missing`},
		"a short hash":  {edited(t, "definition_hash", "0x3ecf58"), `"definition_hash" is not 32 bytes in hex`},
		"no hex": {
			edited(t, "definition_hash", strings.Repeat("xy", 32)),
			`"definition_hash" is not 32 bytes in hex`,
		},
		"no operators": {edited(t, "operators", nil), `0 operators, the demo runs 2 to 64`},
		"one operator": {withENRs(t, enrs[0]), `1 operators, the demo runs 2 to 64`},
		"no ENR":       {withENRs(t, enrs[0], ""), `operator 1 has no ENR`},
		"no prefix": {
			withENRs(t, enrs[0], enrs[1][4:]),
			`the ENR of operator 1: it does not begin with "enr:"`,
		},
		"no base64": {withENRs(t, enrs[0], "enr:ä"), `the ENR of operator 1: it is not base64`},
		"a cut ENR": {withENRs(t, enrs[0], enrs[1][:100]), `the ENR of operator 1: it is cut off or damaged`},
		"a forged ENR": {
			withENRs(t, enrs[0], forged(t, enrs[1])),
			`the ENR of operator 1: its signature is not valid`,
		},
		"an operator twice": {withENRs(t, enrs[0], enrs[1], enrs[0]), `operators 0 and 2 have the same key`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "definition.json")
			require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))
			_, err := readDefinition(path)
			require.EqualError(t, err, "--definition "+path+": "+test.want)
		})
	}
}

func TestReadDefinitionSaysThatAFileIsMissing(t *testing.T) {
	t.Parallel()
	_, err := readDefinition("nowhere.json")
	require.EqualError(t, err, "--definition nowhere.json: no such file or directory")
	_, err = readDefinition("testdata")
	require.EqualError(t, err, "--definition testdata: is a directory")
}

func TestReadKeysSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(filepath.Join(sampleKeys, "operator-1.key"))
	require.NoError(t, err)
	other, err := os.ReadFile(filepath.Join(sampleKeys, "operator-3.key"))
	require.NoError(t, err)
	const one = "0000000000000000000000000000000000000000000000000000000000000001"
	for name, test := range map[string]struct {
		content string // of operator 1's key file
		want    string // after its path
	}{
		"empty":             {"", "it is empty"},
		"truncated":         {string(good[:32]), "32 hex digits, a secp256k1 key has 64"},
		"half a byte short": {string(good[:63]), "63 hex digits, a secp256k1 key has 64"},
		"too long":          {string(good) + "00", "66 hex digits, a secp256k1 key has 64"},
		"not hex":           {"-----BEGIN EC PRIVATE KEY-----", "not a key in hex"},
		"zero": {
			strings.Repeat("0", 64),
			"not a secp256k1 key: the number is not in the range of the curve",
		},
		"too large": {
			strings.Repeat("f", 64),
			"not a secp256k1 key: the number is not in the range of the curve",
		},
		"another operator's": {
			string(other),
			"operator 1 in the definition is " + samplePeers[1] + ", this is the key of operator 3",
		},
		"a stranger's": {one, "operator 1 in the definition is " + samplePeers[1] +
			", this is the key of 16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq, who is no operator of it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := readDefinition(sampleDefinition)
			require.NoError(t, err)
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(sampleKeys)))
			path := filepath.Join(dir, "operator-1.key")
			require.NoError(t, os.WriteFile(path, []byte(test.content), 0o600))
			_, err = readKeys(dir, d)
			require.EqualError(t, err, "--keys: "+path+": "+test.want)
		})
	}
}

func TestReadKeysSaysThatAFileIsMissing(t *testing.T) {
	t.Parallel()
	d, err := readDefinition(sampleDefinition)
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = readKeys(dir, d)
	require.EqualError(t, err, "--keys: "+filepath.Join(dir, "operator-0.key")+": no such file or directory")
	_, err = readKeys("nowhere", d)
	require.EqualError(t, err, "--keys nowhere: no such file or directory")
	_, err = readKeys(sampleDefinition, d)
	require.EqualError(t, err, "--keys "+sampleDefinition+": not a directory")
}

func TestReadKeyTakesAPrefixAndANewline(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(sampleKeys, "operator-0.key"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("0x"+string(content)+"\n"), 0o600))
	key, err := readKey(path)
	require.NoError(t, err)
	id, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	require.Equal(t, samplePeers[0], id.String())
}

// The example of EIP-778: a record with more than the two pairs of Charon's,
// made with a key that the EIP gives.
func TestPeerIDFromENRReadsTheExampleOfTheEIP(t *testing.T) {
	t.Parallel()
	secret, err := hex.DecodeString("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")
	require.NoError(t, err)
	key, err := crypto.UnmarshalSecp256k1PrivateKey(secret)
	require.NoError(t, err)
	want, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	got, err := peerIDFromENR("enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcB" +
		"FZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJ" +
		"c2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// However a record is damaged, it is refused and nothing panics.
func FuzzPeerIDFromENR(f *testing.F) {
	for _, enr := range sampleENRs(f) {
		f.Add(enr)
	}
	f.Add("enr:-_____8")
	f.Fuzz(func(t *testing.T, enr string) {
		if id, err := peerIDFromENR(enr); err == nil {
			require.NoError(t, id.Validate())
		}
	})
}

func sample(t testing.TB) []byte {
	t.Helper()
	content, err := os.ReadFile(sampleDefinition)
	require.NoError(t, err)
	return content
}

// edited is the sample with one field changed, or without it.
func edited(t testing.TB, field string, value any) string {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(sample(t), &fields))
	fields[field] = value
	content, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(content)
}

func withENRs(t testing.TB, enrs ...string) string {
	t.Helper()
	var operators []map[string]string
	for _, enr := range enrs {
		operators = append(operators, map[string]string{"enr": enr})
	}
	return edited(t, "operators", operators)
}

func sampleENRs(t testing.TB) []string {
	t.Helper()
	var file struct {
		Operators []struct {
			ENR string `json:"enr"`
		} `json:"operators"`
	}
	require.NoError(t, json.Unmarshal(sample(t), &file))
	var enrs []string
	for _, o := range file.Operators {
		enrs = append(enrs, o.ENR)
	}
	return enrs
}

// forged changes one character in the middle of a record's signature.
func forged(t testing.TB, enr string) string {
	t.Helper()
	const at = 50
	replacement := "A"
	if enr[at:at+1] == replacement {
		replacement = "B"
	}
	return fmt.Sprint(enr[:at], replacement, enr[at+1:])
}
