package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
)

// aMinute returns a context that ends after a minute, so that no test waits too long
// in vain.
func aMinute(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test has waited in vain"))
	t.Cleanup(cancel)
	return ctx
}

// execute runs the program.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(aMinute(t), args, &out, &errs)
	return code, out.String(), errs.String()
}

// site is a directory with the files of a ceremony's operators: the keys of alice and
// bob, and their definition.
type site struct {
	dir    string
	listen map[string]string // the addresses in the definition
	keys   []string          // the private keys, which must never be printed
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), listen: make(map[string]string)}
	addrs := ownAddrs(t)
	define := []string{"define", "--out", s.file("ceremony.json")}
	for i, name := range []string{"alice", "bob"} {
		s.listen[name] = addrs[i].String()
		define = append(define, name+"="+s.keygen(t, name)+"@"+s.listen[name])
	}
	code, stdout, stderr := execute(t, define...)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "ceremony.json: 2 members, hash ")
	return s
}

// given holds the addresses of all sites. A test that looks for free addresses must not take
// one of these, even if nobody is listening there yet.
var given sync.Map

// ownAddrs returns two addresses that no other test gets.
func ownAddrs(t *testing.T) []multiaddr.Multiaddr {
	t.Helper()
	var own []multiaddr.Multiaddr
	for len(own) < 2 {
		addrs, err := loopbackAddrs(1, tcp)
		require.NoError(t, err)
		if _, taken := given.LoadOrStore(addrs[0].String(), true); !taken {
			own = append(own, addrs[0])
		}
	}
	return own
}

// file returns the path of a file of the site.
func (s *site) file(name string) string { return filepath.Join(s.dir, name) }

// keygen makes a key and returns its peer ID.
func (s *site) keygen(t *testing.T, name string) (id string) {
	t.Helper()
	code, stdout, stderr := execute(t, "keygen", "--key", s.file(name+".key"))
	require.Zero(t, code, stderr)
	fields := strings.Fields(stdout)
	require.Len(t, fields, 5, stdout) // peer ID …, ENR …
	digits, err := os.ReadFile(s.file(name + ".key"))
	require.NoError(t, err)
	s.keys = append(s.keys, string(digits))
	return fields[2]
}

// node returns the command line of a member's node.
func (s *site) node(name string, more ...string) []string {
	return append([]string{
		"node", "--definition", s.file("ceremony.json"), "--key", s.file(name + ".key"),
		"--data-dir", s.file(name), "--listen", s.listen[name],
	}, more...)
}

// write writes a file of the site and returns its path.
func (s *site) write(t *testing.T, name, content string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(s.file(name), []byte(content), 0o600))
	return s.file(name)
}

// requireOneSentence requires that an error is one line that begins with the program's
// name, without a stack trace or a key.
func (s *site) requireOneSentence(t *testing.T, stderr string) (sentence string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	sentence, ok := strings.CutPrefix(lines[len(lines)-1], "fxapp: ")
	require.True(t, ok, stderr)
	require.Equal(t, 1, strings.Count(stderr, "fxapp: "), stderr)
	require.NotContains(t, stderr, "goroutine ")
	require.NotContains(t, stderr, "fx: ", "what fx says is for developers")
	for _, key := range s.keys {
		require.NotContains(t, stderr, key)
	}
	return sentence
}

func TestKeygenMakesAKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alice.key")

	code, stdout, stderr := execute(t, "keygen", "--key", path)

	require.Zero(t, code, stderr)
	require.Regexp(t, `^peer ID  16Uiu2HA\w+\nENR      enr:-[\w-]+\n$`, stdout)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestKeygenKeepsAKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before, err := os.ReadFile(s.file("alice.key"))
	require.NoError(t, err)

	code, stdout, stderr := execute(t, "keygen", "--key", s.file("alice.key"))

	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
	require.Regexp(t, `alice.key: file exists, and is never overwritten: .*; it is the key of 16Uiu2HA\w+$`,
		s.requireOneSentence(t, stderr))
	after, err := os.ReadFile(s.file("alice.key"))
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestDefineReadsLines(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d, err := clusterfile.ReadDefinition(s.file("ceremony.json"))
	require.NoError(t, err)
	lines := "# the members\n\nalice=" + d.Peers[0].ID.String() + "@" + s.listen["alice"] +
		"\r\nbob=" + d.Peers[1].ID.String() + "@" + s.listen["bob"] + "\n"

	members, err := readMembers([]string{"-"}, strings.NewReader(lines))

	require.NoError(t, err)
	require.Equal(t, d.Peers, members)
}

func TestDefineNamesTheLine(t *testing.T) {
	t.Parallel()
	_, err := readMembers([]string{"-"}, strings.NewReader("# one\nalice=nobody\n"))

	require.EqualError(t, err, `standard input, line 2: member "alice": id: it is not a peer ID, `+
		"which looks like 16Uiu2HAm… or 12D3Koo…: copy it again")
}

func TestVersionSaysWhatItIs(t *testing.T) {
	t.Parallel()
	code, stdout, _ := execute(t, "version")

	require.Zero(t, code)
	for _, line := range []string{
		`fxapp     \S+`, `revision  \S+`, `go        go1\.\S+, \w+/\w+`, `libp2p    \S+`,
		`protocol  /charon/dkg/sync/1\.0\.0/`,
	} {
		require.Regexp(t, `(?m)^`+line, stdout)
	}
}

func TestFlagsHaveVariables(t *testing.T) {
	s := newSite(t)
	t.Setenv("FXAPP_DEFINITION", s.file("ceremony.json"))
	t.Setenv("FXAPP_KEY", s.file("nobody.key")) // the command line wins
	t.Setenv("FXAPP_DATA_DIR", s.file("alice"))
	t.Setenv("FXAPP_LISTEN", " /ip4/127.0.0.1/tcp/0 /ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0")
	t.Setenv("FXAPP_TIMEOUT", "1ms")
	t.Setenv("FXAPP_ATTEMPTS", "") // an empty variable counts as unset

	code, _, stderr := execute(t, "node", "--key", s.file("alice.key"))

	require.Equal(t, exitFailed, code, stderr)
	require.Contains(t, s.requireOneSentence(t, stderr), "gave up after 1ms")

	t.Setenv("FXAPP_TIMEOUT", "soon")
	code, _, stderr = execute(t, "node", "--key", s.file("alice.key"))

	require.Equal(t, exitUsage, code)
	require.Equal(t, `FXAPP_TIMEOUT: --timeout "soon": it must be a time such as 90s or 10m`,
		s.requireOneSentence(t, stderr))
}

func TestHelpNamesVariables(t *testing.T) {
	t.Parallel()
	for _, cmd := range newRootCommand().Commands() {
		code, stdout, _ := execute(t, cmd.Name(), "--help")
		require.Zero(t, code)
		require.Contains(t, stdout, "Examples:", cmd.Name())
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name == "help" {
				return
			}
			name := strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			require.Regexp(t, ` --`+flag.Name+` .*\[FXAPP_`+name+`\]`, stdout, cmd.Name())
		})
	}
}

func TestTwoNodesGenerateAKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	type end struct {
		code           int
		stdout, stderr string
	}
	bob := make(chan end)
	go func() {
		var out, errs bytes.Buffer
		code := run(aMinute(t), s.node("bob", "--log-format", "json"), &out, &errs)
		bob <- end{code, out.String(), errs.String()}
	}()

	code, stdout, stderr := execute(t, s.node("alice")...)

	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "The ceremony is complete: all 2 members have attested the same group key.")
	other := <-bob
	require.Zero(t, other.code, other.stderr)
	key := strings.Fields(strings.SplitAfter(stdout, "group key  ")[1])[0]
	require.Contains(t, other.stdout, `"outcome":"complete"`)
	require.Contains(t, other.stdout, `"group_public_key":"`+key+`"`)
	for _, name := range []string{"alice", "bob"} {
		info, err := os.Stat(s.file(name + "/share.json"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	t.Run("the receipt verifies", func(t *testing.T) {
		code, stdout, stderr := execute(t, "verify", s.file("bob/receipt.json"),
			"--definition", s.file("ceremony.json"), "--data-dir", s.file("alice"))
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "attested result  "+key)
		require.Regexp(t, `operator 1  bob  16Uiu2HA\w+  attests it\n`, stdout)
		require.Contains(t, stdout,
			"alice is confirmed: it is operator 0's, and the attested result above is its group key.")
	})
	t.Run("the share stays", func(t *testing.T) {
		code, _, stderr := execute(t, s.node("alice")...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, s.requireOneSentence(t, stderr), "it already holds a share, which is never overwritten")
	})
	t.Run("a changed receipt does not verify", func(t *testing.T) {
		receipt, err := os.ReadFile(s.file("alice/receipt.json"))
		require.NoError(t, err)
		zeros := hex.EncodeToString(make([]byte, len(key)/2))
		changed := s.write(t, "changed.json", strings.ReplaceAll(string(receipt), key, zeros))
		code, stdout, stderr := execute(t, "verify", changed)
		require.Equal(t, exitFailed, code)
		require.Empty(t, stdout)
		require.Contains(t, s.requireOneSentence(t, stderr), "changed.json: the receipt does not verify: operator 0 ")
	})
	t.Run("a share is not a receipt", func(t *testing.T) {
		code, stdout, stderr := execute(t, "verify", s.file("bob/share.json"))
		require.Equal(t, exitUsage, code)
		require.Empty(t, stdout)
		require.Equal(t, s.file("bob/share.json")+": it is a share, not a receipt: were the two files swapped?",
			s.requireOneSentence(t, stderr))
	})
	t.Run("a receipt with a missing part", func(t *testing.T) {
		cut := s.write(t, "cut.json", `{"type":"dkgsync/receipt/v1","members":["x"]}`)
		code, _, stderr := execute(t, "verify", cut)
		require.Equal(t, exitFailed, code)
		require.Contains(t, s.requireOneSentence(t, stderr), "cut.json: the receipt cannot be read: ")
	})
	t.Run("a receipt of another ceremony", func(t *testing.T) {
		code, _, stderr := execute(t, "verify", s.file("bob/receipt.json"), "--definition", sampleDefinition)
		require.Equal(t, exitFailed, code)
		require.Contains(t, s.requireOneSentence(t, stderr), "the receipt belongs to another ceremony")
	})
	t.Run("a receipt of another share", func(t *testing.T) {
		other := newSite(t)
		require.NoError(t, os.Mkdir(other.file("alice"), 0o700))
		code, _, stderr := execute(t, "verify", s.file("bob/receipt.json"), "--data-dir", other.file("alice"))
		require.Equal(t, exitFailed, code)
		s.requireOneSentence(t, stderr)
	})
}

// A script reads exit code 2 as: the ceremony has not begun.
func TestABrokenOutputIsNoUsageError(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := make(chan int)
	go func() { bob <- run(aMinute(t), s.node("bob"), io.Discard, io.Discard) }()
	gone, end := io.Pipe()
	require.NoError(t, gone.Close())
	var stderr bytes.Buffer

	code := run(aMinute(t), s.node("alice"), end, &stderr)

	require.Equal(t, exitFailed, code)
	require.Contains(t, s.requireOneSentence(t, stderr.String()),
		"the ceremony is complete, but its result could not be printed: ")
	require.FileExists(t, s.file("alice/share.json"))
	require.Zero(t, <-bob)
}

func TestTheStatusPageOfANode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, interrupt := context.WithCancelCause(aMinute(t))
	opened := make(chan struct{})
	stderr := &watched{text: "ceremony opened", found: func() { close(opened) }}
	ended := make(chan int)
	go func() { ended <- run(ctx, s.node("alice", "--http", "0.0.0.0:0"), io.Discard, stderr) }()
	<-opened

	url := regexp.MustCompile(`the status page is at (http://\S+)`).FindStringSubmatch(stderr.String())
	require.Len(t, url, 2, stderr.String())
	port := url[1][strings.LastIndex(url[1], ":"):]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+port, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	interrupt(interruption{syscall.SIGINT})
	require.Equal(t, 130, <-ended)
}

func TestASignalEndsANode(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			ctx, interrupt := context.WithCancelCause(aMinute(t))
			stderr := &watched{text: "ceremony opened", found: func() { interrupt(interruption{sig}) }}

			code := run(ctx, s.node("alice"), io.Discard, stderr)

			require.Equal(t, want, code)
			require.Equal(t, interruption{sig}.Error()+
				": this node left before step 1, and the others are waiting for it: start it again",
				s.requireOneSentence(t, stderr.String()))
		})
	}
}

func TestASignalTellsTheOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := make(chan string)
	go func() {
		var errs bytes.Buffer
		_ = run(aMinute(t), s.node("bob"), io.Discard, &errs)
		bob <- errs.String()
	}()
	ctx, interrupt := context.WithCancelCause(aMinute(t))
	stderr := &watched{text: "ready to begin step 1", found: func() { interrupt(interruption{syscall.SIGTERM}) }}

	code := run(ctx, s.node("alice"), io.Discard, stderr)

	told := <-bob
	if code == 0 { // both completed before the signal
		require.NotContains(t, told, "fxapp:")
		return
	}
	require.Equal(t, 143, code)
	require.Contains(t, s.requireOneSentence(t, stderr.String()),
		"this node left after step 1 had begun and has told the others")
	require.Contains(t, s.requireOneSentence(t, told),
		"operator 0 (alice) was stopped before the ceremony was complete")
}

// When a node's own step fails, its operator has to act.
func TestGivingUpSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	opened := make(chan struct{})
	stderr := &watched{text: "ceremony opened", found: func() { close(opened) }}
	alice := make(chan int)
	go func() { alice <- run(aMinute(t), s.node("alice"), io.Discard, stderr) }()
	<-opened
	require.NoError(t, os.RemoveAll(s.file("alice"))) // the share cannot be written

	code, _, told := execute(t, s.node("bob")...)

	require.Equal(t, exitFailed, code)
	require.Contains(t, s.requireOneSentence(t, told), "stop every node and start the ceremony again together")
	require.Equal(t, exitFailed, <-alice)
	require.Regexp(t, `: this node gave up: step .*; this node ended the attempt and has told the others; `+
		`fix what is wrong, then start again together$`, s.requireOneSentence(t, stderr.String()))
}
