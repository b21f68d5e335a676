package main

import (
	"context"
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

// The test types the README's commands as a newcomer does, each in the terminal that
// the README names. Four processes generate a key, first directly and then through the
// relay.
func TestTheWalkthroughRuns(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	const begins, goesOn = "## From keys to a group key, in five terminals", "### The same through a relay"
	text := between(t, string(page), begins, "## Commands")
	w := walkthrough{dir: t.TempDir(), loopback: "127.0.0.1"}
	if runtime.GOOS == "linux" { // Linux has more than one loopback address
		w.loopback = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), 1+rand.IntN(250), 1+rand.IntN(250))
	}
	program, err := filepath.Abs(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(w.dir, "walkthrough"), 0o700))
	require.NoError(t, os.Symlink(program, filepath.Join(w.dir, "walkthrough", "fxapp"))) // as go build would
	first, second, found := strings.Cut(text, goesOn)
	require.True(t, found)

	direct, relayed := blocks(t, first), blocks(t, second)
	for _, b := range direct {
		require.True(t, b.terminal == "1" || b.commands[0] == "cd walkthrough", "terminal %s", b.terminal)
	}

	output, err := w.run(t, direct, relayed)

	require.NoError(t, err, output)
	require.Equal(t, 8, strings.Count(output, "The ceremony is complete: all 4 members have attested"), output)
	require.Contains(t, output, "The receipt is good: the signature of every member that attests is valid")
	require.Contains(t, output, "The share in alice is confirmed: it is operator 0's")
	require.Equal(t, 1, strings.Count(output, "fxapp: "), "the relay's end: %s", output)
}

// between returns the text between two lines of a page.
func between(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, from+"\n")
	require.True(t, found, from)
	text, _, found := strings.Cut(rest, "\n"+to+"\n")
	require.True(t, found, to)
	return text
}

// block is the commands that are typed in one terminal.
type block struct {
	terminal string
	commands []string
}

// blocks returns the blocks of a text, each with the terminal that the text names before it.
func blocks(t *testing.T, text string) (all []block) {
	t.Helper()
	parts := strings.Split(text, "```console\n")
	for i, part := range parts[1:] {
		named := strings.LastIndex(parts[i], "**Terminal ")
		require.GreaterOrEqual(t, named, 0, "each block names its terminal")
		b := block{terminal: strings.Fields(parts[i][named:])[1][:1]}
		code, _, _ := strings.Cut(part, "```")
		for line := range strings.Lines(code) {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			require.True(t, ok, "a command begins with $: %s", line)
			b.commands = append(b.commands, command)
		}
		all = append(all, b)
	}
	return all
}

// walkthrough is the directory in which the commands are typed.
type walkthrough struct {
	dir      string
	loopback string // takes the place of 127.0.0.1, so that no other program uses the ports
}

// run types the blocks of the sections, one section after the other. One shell plays
// all terminals: the processes of other terminals are its background jobs.
func (w walkthrough) run(t *testing.T, sections ...[]block) (output string, err error) {
	t.Helper()
	script := "trap 'kill $relay && wait $relay || true' EXIT\n"
	for _, section := range sections {
		nodes := ""
		for _, b := range section {
			if b.terminal == "1" {
				script += wait(nodes)
				nodes = ""
			}
			for _, command := range b.commands {
				switch {
				case command == "go build -o fxapp ../examples/fxapp": // this test is the program
				case command == "cd walkthrough": // the shell runs in it
				case strings.HasPrefix(command, "./fxapp node "):
					nodes += " $node" + b.terminal
					script += command + " &\nnode" + b.terminal + "=$!\n"
				case strings.HasPrefix(command, "./fxapp relay "):
					script += command + " &\nrelay=$!\n"
				default:
					script += command + "\n"
				}
			}
		}
		require.LessOrEqual(t, len(section), 6)
		script += wait(nodes)
	}
	ctx, cancel := context.WithCancel(aMinute(t))
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", strings.ReplaceAll(script, "127.0.0.1", w.loopback))
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), asProgram+"=1")
	printed, err := cmd.CombinedOutput()
	return string(printed), err
}

// wait returns shell code that waits for each job, and exits with the code of a job that failed.
func wait(jobs string) string {
	script := ""
	for job := range strings.FieldsSeq(jobs) {
		script += "wait " + job + "\n"
	}
	return script
}
