package standalone_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A newcomer copies the README's program into an empty directory and types its
// commands. Two processes then run a whole ceremony, and both exit with code 0.
func TestTheReadmesNodeRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	node := newReadmeNode(t)

	output, err := node.shell(t, node.commands...)

	require.NoError(t, err, output)
	for _, line := range []string{"all connected\n", "all have keys\n"} {
		require.Equal(t, 2, strings.Count(output, line), output)
	}

	t.Run("only the owner can read its key", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(node.dir, "alice.key"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})
	t.Run("its key is never overwritten", func(t *testing.T) {
		key := read(t, filepath.Join(node.dir, "alice.key"))

		output, err := node.shell(t, "./node keygen alice.key")

		requireExit(t, 1, err)
		require.Contains(t, output, "alice.key: file exists, and is never overwritten")
		require.Equal(t, key, read(t, filepath.Join(node.dir, "alice.key")))
	})
	t.Run("files that are swapped are named", func(t *testing.T) {
		output, err := node.shell(t, "./node run ceremony.json alice.key /ip4/127.0.0.1/tcp/0")

		requireExit(t, 1, err)
		require.Contains(t, output, "alice.key: it is a private key, not a definition: were the two files swapped?")
	})
	t.Run("a key that is no member's is refused", func(t *testing.T) {
		output, err := node.shell(t, "./node keygen eve.key", "./node run eve.key ceremony.json /ip4/127.0.0.1/tcp/0")

		requireExit(t, 1, err)
		require.Contains(t, output, "is not among the 2 members")
	})
	t.Run("a node that a signal stops exits with 0", func(t *testing.T) {
		output, err := node.shell(t, "./node run alice.key ceremony.json /ip4/127.0.0.1/tcp/0 2>log &",
			"until grep -q 'ceremony opened' log; do sleep 0.1; done", "kill $!", "wait $!")

		require.NoError(t, err, output)
	})
	t.Run("a node without a command says what there is", func(t *testing.T) {
		output, err := node.shell(t, "./node")

		requireExit(t, 1, err)
		require.Contains(t, output, "usage: node keygen KEY | define DEFINITION NAME=ENR@ADDRESS… | run")
	})
}

// The steps are made to fail at one of two nodes. Both nodes report that by their exit codes.
func TestAFailedReadmeNodeExitsWith1(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	node := newReadmeNode(t)
	const step = `fmt.Println("all have keys"); return nil`
	require.Contains(t, node.code, step)
	node.write(t, "main.go", strings.Replace(node.code, step, `return os.Remove("once")`, 1))
	node.write(t, "once", "") // the node that comes second finds nothing to remove
	last := len(node.commands) - 1
	commands := append([]string{}, node.commands[:last]...)
	commands = append(commands, strings.Replace(node.commands[last], "&& wait $!", "|| { wait $! || exit 17; }", 1))
	require.NotEqual(t, node.commands, commands)

	output, err := node.shell(t, commands...)

	requireExit(t, 17, err)
	require.Contains(t, output, "no such file or directory")
}

func requireExit(t *testing.T, code int, err error) {
	t.Helper()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, err)
	require.Equal(t, code, exit.ExitCode())
}

// readmeNode is the README's program, with the commands to type.
type readmeNode struct {
	program
	code     string
	commands []string
}

// newReadmeNode takes the README's first block of Go code and its first block of
// commands. It tells the go command where the module is, because the module is not
// published yet. It gives the nodes addresses that nothing else on the machine uses.
func newReadmeNode(t *testing.T) readmeNode {
	t.Helper()
	n := readmeNode{program: emptyProgram(t)}
	readme := read(t, filepath.Join(checkout(t), "README.md"))
	n.code = block(t, readme, "go")
	require.LessOrEqual(t, strings.Count(n.code, "\n"), 60, "a newcomer reads all of it")
	n.write(t, "main.go", n.code)
	replace := ""
	for _, module := range []string{"", "/clusterfile"} {
		replace += fmt.Sprintf(" -replace github.com/dkgsync/dkgsync%s=%s%s", module, checkout(t), module)
	}
	loopback := "127.0.0.1"
	if runtime.GOOS == "linux" { // Linux has more than one loopback address
		loopback = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), 1+rand.IntN(250), 1+rand.IntN(250))
	}
	for line := range strings.Lines(block(t, readme, "console")) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		require.True(t, ok, "a command begins with $: %s", line)
		command = strings.Replace(command, "&& go mod tidy", "&& go mod edit"+replace+" && go mod tidy", 1)
		n.commands = append(n.commands, strings.ReplaceAll(command, "127.0.0.1", loopback))
	}
	return n
}

// block returns the first block of a language.
func block(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "```"+language+"\n")
	require.True(t, found)
	code, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	return code
}

// shell types commands, and returns what they print. Nodes in the background end with
// the commands.
func (n readmeNode) shell(t *testing.T, commands ...string) (output string, err error) {
	t.Helper()
	const end = "trap 'kill $! 2>/dev/null || true' EXIT\n"
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", end+strings.Join(commands, "\n"))
	cmd.Dir = n.dir
	cmd.Env = append(os.Environ(), n.environ()...)
	printed, err := cmd.CombinedOutput()
	return string(printed), err
}
