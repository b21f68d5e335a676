package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"
)

// Each case is a mistake that an operator can make before a node takes part. The
// program prints one sentence without secrets, exits with code 2, and starts nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stranger := s.keygen(t, "mallory")
	s.write(t, "empty.json", "")
	s.write(t, "object.json", "{}")
	s.write(t, "lines.txt", "alice=x\n")
	s.write(t, "no-addresses.json", withoutAddresses(t, s))
	alice := s.keys[0]
	port, _, _ := strings.Cut(strings.TrimPrefix(s.listen["bob"], "/ip4/127.0.0.1/tcp/"), "/")
	taken, err := net.Listen("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	held, err := lockDirectoryOf(s, "held")
	require.NoError(t, err)
	t.Cleanup(held)
	require.NoError(t, os.Mkdir(s.file("open"), 0o700))
	require.NoError(t, os.Chmod(s.file("open"), 0o770))
	require.NoError(t, os.Mkdir(s.file("linked"), 0o700))
	require.NoError(t, os.Symlink(s.file("elsewhere"), s.file("linked/lock")))
	node := "node --definition $/ceremony.json --key $/alice.key --data-dir $/alice --listen /ip4/127.0.0.1/tcp/0 "
	charon := "node --definition " + sampleDefinition + " --key " + sampleKeys + "/operator-0.key "
	const secret = "--key: this is a private key, not the name of its file; others may have seen it now: make another"

	for args, want := range map[string]string{
		"launch":        `unknown command "launch": fxapp --help lists the commands`,
		"verfy":         `unknown command "verfy": did you mean verify?`,
		alice:           "unknown command (not shown: it looks like a private key): fxapp --help lists the commands",
		"node --colour": "unknown flag: --colour: fxapp node --help lists the flags",
		"node now": `"now" is not a flag, and fxapp node takes nothing else: ` +
			"fxapp node --help lists its flags",
		"--key x":           "unknown flag: --key: fxapp --help lists the flags",
		"node --definition": "--definition needs a value: fxapp node --help shows which",

		// Flags.
		node + "--watch":           "--watch works only with --rehearse",
		node + "--attempts 0":      "--attempts 0: it must be at least 1, or -1 for any number",
		node + "--attempts three":  `--attempts "three": it must be a whole number`,
		node + "--timeout -1s":     "--timeout -1s: it must not be negative",
		node + "--timeout 10":      `--timeout "10": it must be a time such as 90s or 10m`,
		node + "--version 1.11":    `--version "1.11" is …`,
		node + "--nickname x\x07y": `--nickname "x\ay" has characters that cannot be printed`,
		node + "--log-level loud":  `--log-level "loud": it must be debug, info, warning, error`,
		node + "--log-format xml":  `--log-format "xml": it must be text or json`,
		node + "--http 8080": `--http "8080" is no address to serve the status page at: ` +
			"give it as 127.0.0.1:8080",
		"define --out $/x.json": "no members: name each as NAME=ID@ADDRESS; fxapp define --help has an example",
		"define --out $/x.json - alice=" + stranger: `"-" stands for all members: ` +
			"leave the others out, or write them on standard input too",
		"verify":     "fxapp verify takes one receipt, but got 0 arguments: name its file",
		"verify a b": "fxapp verify takes one receipt, but got 2 arguments: name its file",

		// Files.
		"node --definition $/nothing.json --key $/alice.key": "--definition $/nothing.json: no such file or directory",
		"node --definition $ --key $/alice.key":              "--definition $: it is a directory: name the file in it",
		"node --definition $/empty.json --key $/alice.key": "--definition $/empty.json: " +
			"it is empty: copy or make it again",
		"node --definition $/alice.key --key $/alice.key": "--definition $/alice.key: " +
			"it is a private key, not a definition: were the two files swapped?",
		"node --definition $/ceremony.json --key $/nothing.key": "--key $/nothing.key: no such file or directory",
		"node --definition $/ceremony.json --key $/ceremony.json": "--key $/ceremony.json: " +
			"it is a definition, not a private key: were the two files swapped?",
		"node --definition $/ceremony.json --key " + alice: secret,
		"keygen --key " + alice:                            secret,
		"keygen --key $/nowhere/x.key":                     "--key $/nowhere/x.key: no such file or directory",
		"define --out $/ceremony.json a=" + stranger + " b=" + s.keygen(t, "eve"): "--out $/ceremony.json: " +
			"file exists, and is never overwritten: choose another name, or move that file away",
		"verify $/nothing.json":  "$/nothing.json: no such file or directory",
		"verify $":               "$: is a directory",
		"verify $/ceremony.json": "$/ceremony.json: it is a definition, not a receipt: were the two files swapped?",
		"verify $/empty.json":    "$/empty.json: it is empty: copy it again",
		"verify $/alice.key": "$/alice.key: it is not a receipt, which is a JSON object: " +
			"name the receipt, or copy it again",
		"verify $/object.json": "$/object.json: it is not a receipt: " +
			`its "type" field is not that of a receipt; name the receipt`,

		// Who and where.
		"node --definition $/ceremony.json --key $/mallory.key": "--key $/mallory.key: it is the key of " + stranger +
			", who is not a member of $/ceremony.json: its members are operator 0 (alice), operator 1 (bob); " +
			"give the key of one of them, or a definition with this peer ID",
		charon + "--relay http://relay.example": "--version is missing: " + sampleDefinition +
			" is a definition of Charon, whose members refuse other versions; give theirs, for example --version v1.11",
		charon + "--version v1.11": "--relay is missing: " + sampleDefinition +
			" has no addresses for operator 1 (…), operator 2 (…), operator 3 (…), and none for this node, " +
			"so they and this node cannot reach each other; " +
			"give the relay of the ceremony, or a definition with addresses",
		"node --definition $/no-addresses.json --key $/alice.key": "--listen is missing: operator 1 (bob) " +
			"can connect only by dialling this node, because the definition has no addresses for them; " +
			"listen, or give a --relay",
		"define --out $/x.json alice=" + stranger + "@127.0.0.1:9001": `argument 1: member "alice": addrs[0]: ` +
			"it is not a multiaddr: write it as /ip4/192.0.2.1/tcp/9001 or /dns4/node.example/tcp/9001",
		"define --out $/x.json alice=" + stranger + " bob=" + stranger: `--out $/x.json: member "bob": id: ` +
			`member "alice" has it too: every member needs its own key`,
		"define --out $/x.json alice=" + stranger + " alice=" + s.keygen(t, "trent"): "argument 2: " +
			`argument 1 has the name "alice" too: give every member a name of its own`,
		"define --out $/x.json alice=" + stranger: "--out $/x.json: peers: 1 member, but a ceremony has 2 to 1024",
		"define --out $/x.json " + alice:          "argument 1: a member without a name: write NAME=ID@ADDRESS",
		node + "--listen 127.0.0.1:9001": `listen address "127.0.0.1:9001": ` +
			"it is not an address: write it as /ip4/0.0.0.0/tcp/9000, or /ip4/0.0.0.0/udp/9000/quic-v1 for QUIC",
		node + "--relay relay.example": `relay "relay.example": ` +
			"it is not an address: write it as /ip4/192.0.2.1/tcp/9000/p2p/ID, " +
			"or as the relay's URL, https://relay.example",

		// Files and ports of this machine.
		node + "--data-dir $/alice.key": "--data-dir $/alice.key: not a directory: " +
			"it is a file, or lies below one; name a directory",
		node + "--data-dir $/held": "--data-dir $/held: another node is using it: stop that node, " +
			"or give this one its own directory",
		node + "--data-dir $/open": "--data-dir $/open: its group or others may write to it: " +
			"keep them out (chmod go-w), or use another directory",
		node + "--data-dir $/linked": "--data-dir $/linked: lock is a link, a pipe, a device or a directory, " +
			"but it must be a file: move it away",
		node + "--data-dir $/other --listen " + s.listen["bob"]: "--listen: listening on " + s.listen["bob"] +
			": another program uses the port: stop it, or choose another port",
		node + "--http 127.0.0.1:" + port: "--http: the status page cannot listen at 127.0.0.1:" + port +
			": the port is in use, by another node or another program: choose another one",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := execute(t, strings.Fields(strings.ReplaceAll(args, "$", s.dir))...)
			require.Equal(t, exitUsage, code, stderr)
			require.Empty(t, stdout)
			sentence := s.requireOneSentence(t, stderr)
			requireText(t, strings.ReplaceAll(want, "$", s.dir), sentence)
		})
	}
}

// requireText compares two texts. A "…" in want matches anything.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	rest := got
	for i, part := range strings.Split(want, "…") {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at > 0 {
			require.Equal(t, want, got)
		}
		rest = rest[at+len(part):]
	}
	if !strings.HasSuffix(want, "…") {
		require.Empty(t, rest, got)
	}
}

// withoutAddresses returns the path of a definition that has alice's addresses only.
func withoutAddresses(t *testing.T, s *site) string {
	t.Helper()
	content, err := os.ReadFile(s.file("ceremony.json"))
	require.NoError(t, err)
	ids := peerIDs(string(content))
	path := filepath.Join(t.TempDir(), "definition.json")
	code, _, stderr := execute(t, "define", "--out", path, "alice="+ids[0]+"@"+s.listen["alice"], "bob="+ids[1])
	require.Zero(t, code, stderr)
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// peerIDs returns the peer IDs in a definition, in operator order.
func peerIDs(definition string) (ids []string) {
	for part := range strings.SplitSeq(definition, `"id": "`) {
		if id, _, found := strings.Cut(part, `"`); found && strings.HasPrefix(id, "16Uiu2") {
			ids = append(ids, id)
		}
	}
	return ids
}

// lockDirectoryOf locks a directory of a site, as a running node does.
func lockDirectoryOf(s *site, name string) (unlock func(), err error) {
	return lockDirectory(s.file(name))
}

// The message ends with the members that the node waited for.
func TestATimeoutNamesWhoIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	code, stdout, stderr := execute(t, s.node("alice", "--timeout", "300ms")...)

	require.Equal(t, exitFailed, code)
	require.Empty(t, stdout)
	sentence := s.requireOneSentence(t, stderr)
	require.Regexp(t, `^gave up after 300ms: waiting for 1 of 2 to connect: bob \(.*\); `+
		`this node left before step 1, and the others are waiting for it: start it again$`, sentence)

	code, stdout, stderr = execute(t, s.node("alice", "--timeout", "1ms", "--log-format", "json")...)

	require.Equal(t, exitFailed, code, stderr)
	require.Regexp(t, `^\{"outcome":"failed","operator":0,.*"error":"gave up after 1ms: `, stdout)
	require.Equal(t, 1, strings.Count(stdout, "\n"))
}

func TestARelayThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, nobody, err := manet.DialArgs(ownAddrs(t)[0])
	require.NoError(t, err)
	ctx, interrupt := context.WithCancelCause(aMinute(t))
	stderr := &watched{text: "cannot be used and ", found: func() {
		interrupt(interruption{syscall.SIGINT})
	}}

	code := run(ctx, s.node("alice", "--relay", "http://"+nobody), io.Discard, stderr)

	require.Equal(t, exitSignal+int(syscall.SIGINT), code)
	refused := `WARNING  relay http://` + nobody + ` cannot be used and .*connection refused`
	require.Regexp(t, refused, stderr.String())
	s.requireOneSentence(t, stderr.String())
}

// Each of two definitions lists the other node, but the definitions differ.
func TestDifferentDefinitions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	content, err := os.ReadFile(s.file("ceremony.json"))
	require.NoError(t, err)
	ids := peerIDs(string(content))
	code, _, stderr := execute(t, "define", "--out", s.file("other.json"),
		"bob="+ids[1]+"@"+s.listen["bob"], "alice="+ids[0]+"@"+s.listen["alice"], "carol="+s.keygen(t, "carol"))
	require.Zero(t, code, stderr)
	ctx, interrupt := context.WithCancel(aMinute(t))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = run(ctx, s.node("bob", "--definition", s.file("other.json")), io.Discard, io.Discard)
	}()
	errs := &watched{text: "all members need the same definition", found: interrupt}

	_ = run(ctx, s.node("alice"), io.Discard, errs)

	<-ended
	require.Contains(t, errs.String(), "operator 1 (bob) asks for definition ")
}

// asPrivileged runs the program with a file system of its own mounted below a
// directory. Where the system allows it, a user namespace makes root privileges
// unnecessary.
func asPrivileged(t *testing.T, mount, dir string, args ...string) (code int, stderr string) {
	t.Helper()
	script := `mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"`
	probe := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "true")
	if err := probe.Run(); err != nil {
		t.Skipf("no namespace to mount a disk in: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{
		"--map-root-user", "--mount", "sh", "-c", script, "sh", mount, dir, os.Args[0],
	}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var errs strings.Builder
	cmd.Stderr = &errs
	err := cmd.Run()
	require.Error(t, err)
	return cmd.ProcessState.ExitCode(), errs.String()
}

func TestUnwritableDisksAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ mount, want string }{
		"read-only": {"mode=700,ro", "…read-only file system…"},
		"full":      {"mode=700,size=8k", "…no space left on device…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			require.NoError(t, os.Mkdir(s.file("alice"), 0o700))

			code, stderr := asPrivileged(t, test.mount, s.file("alice"), s.node("alice")...)

			require.Equal(t, exitUsage, code, stderr)
			sentence := s.requireOneSentence(t, stderr)
			requireText(t, test.want, sentence)
			require.Contains(t, sentence, s.file("alice"))
		})
	}
}
