package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	sampleDefinition = "testdata/charon-v1.11-4-operators.json"
	sampleKeys       = "testdata"
)

// samplePeers has the peer IDs of the sample's operators, in operator order.
var samplePeers = []string{
	"16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz",
	"16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97",
	"16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us",
	"16Uiu2HAmFtkgruRS9pjW1i3kydsLP7GjjJ4yGwJjBwHZen1hXx2f",
}

func TestReadKeysSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	other, err := os.ReadFile(filepath.Join(sampleKeys, "operator-3.key"))
	require.NoError(t, err)
	const one = "0000000000000000000000000000000000000000000000000000000000000001"
	for name, test := range map[string]struct {
		content string // of operator 1's key file
		want    string // the error after its path
	}{
		"empty": {"", "it is empty: copy or make it again"},
		"another operator's": {
			string(other),
			"operator 1 in the definition is " + samplePeers[1] + ", but this is the key of operator 3",
		},
		"a stranger's": {one, "operator 1 in the definition is " + samplePeers[1] +
			", but this is the key of 16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq, " +
			"which is not an operator of the definition"},
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

func TestReadKeysNamesAMissingFile(t *testing.T) {
	t.Parallel()
	d, err := readDefinition(sampleDefinition)
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = readKeys(dir, d)
	require.EqualError(t, err, "--keys: "+filepath.Join(dir, "operator-0.key")+": no such file or directory")
	_, err = readKeys("nowhere", d)
	require.EqualError(t, err, "--keys nowhere: no such file or directory")
	_, err = readKeys(sampleDefinition, d)
	require.EqualError(t, err, "--keys "+sampleDefinition+": it is a file: name the directory")
}

func TestTheDemoLimitsOperators(t *testing.T) {
	t.Parallel()
	members := make([]syncmod.Peer, maxNodes+1)
	for i := range members {
		key, err := clusterfile.CreateKey(filepath.Join(t.TempDir(), "key"))
		require.NoError(t, err)
		enr, err := clusterfile.ENR(key)
		require.NoError(t, err)
		members[i], err = clusterfile.ParsePeer(memberName(i) + "=" + enr)
		require.NoError(t, err)
	}
	path := filepath.Join(t.TempDir(), "definition.json")
	_, err := clusterfile.WriteDefinition(path, members)
	require.NoError(t, err)

	_, err = readDefinition(path)

	require.EqualError(t, err, "--definition "+path+": it has 65 operators, but the demo runs 2 to 64")
}

// Operators' files vary. Each case changes the sample a little.
func TestChangedDefinitionsRun(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"as it is":    func(map[string]any) {},
		"padded ENRs": func(d map[string]any) { padENRs(d["operators"].([]any)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := changedSample(t, change)
			code, stdout, stderr := demo(t, "--definition", path, "--keys", sampleKeys, "--steps", "1")
			require.Zero(t, code, stdout+stderr)
		})
	}
}

func padENRs(operators []any) {
	for _, o := range operators {
		operator := o.(map[string]any)
		operator["enr"] = operator["enr"].(string) + "=="
	}
}

func TestAShortDefinitionIsRefused(t *testing.T) {
	path := changedSample(t, func(d map[string]any) { d["operators"] = d["operators"].([]any)[:2] })

	code, _, stderr := demo(t, "--definition", path, "--keys", sampleKeys)

	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "operators: there are 2, but threshold is 3, so some are missing")
}

// changedSample writes a changed sample, with a byte order mark and Windows line ends, and returns
// its path.
func changedSample(t *testing.T, change func(map[string]any)) (path string) {
	t.Helper()
	content, err := os.ReadFile(sampleDefinition)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(content, &fields))
	change(fields)
	content, err = json.MarshalIndent(fields, "", " ")
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "cluster-definition.json")
	text := "\xef\xbb\xbf" + strings.ReplaceAll(string(content), "\n", "\r\n")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// If a file has lost an operator but still has enough for the threshold, the file alone
// does not show the loss. Members with a different list notice it.
func TestALostOperatorIsNoticed(t *testing.T) {
	whole, err := readDefinition(sampleDefinition)
	require.NoError(t, err)
	cut, err := readDefinition(changedSample(t, func(d map[string]any) { d["operators"] = d["operators"].([]any)[:3] }))
	require.NoError(t, err)
	keys, err := readKeys(sampleKeys, whole)
	require.NoError(t, err)
	addrs, err := loopbackAddrs(2, tcp)
	require.NoError(t, err)

	var ceremonies []*syncmod.Ceremony
	for i, definition := range []syncmod.Definition{whole, cut} {
		for j, addr := range addrs {
			definition.Peers[j].Addrs = []multiaddr.Multiaddr{addr}
		}
		var c *syncmod.Ceremony
		host := hosts.Config{Key: keys[i], Listen: []string{addrs[i].String()}}
		for _, p := range whole.Peers {
			host.Members = append(host.Members, p.ID)
		}
		app := newApp(host, definition, syncmod.Config{}, newLogger(io.Discard, i, logrus.ErrorLevel),
			syncmod.RunSteps(func() []syncmod.Step { return nil }), fx.Populate(&c))
		require.NoError(t, app.Start(t.Context()))
		t.Cleanup(func() { require.NoError(t, app.Stop(context.WithoutCancel(t.Context()))) })
		ceremonies = append(ceremonies, c)
	}

	for _, c := range ceremonies {
		<-c.Done()
		require.ErrorContains(t, c.Err(), "has other members", "seen here, or told by the other")
	}
}
