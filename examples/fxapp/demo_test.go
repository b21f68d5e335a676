package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// asProgram is the environment variable that turns the test binary into the program.
// Tests of signals need a process.
const asProgram = "FXAPP_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

func TestEveryNodeCompletes(t *testing.T) {
	code, stdout, stderr := demo(t)
	require.Zero(t, code, stdout+stderr)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "all 4 are connected after")
	for barrier := range 6 {
		require.Contains(t, stdout, fmt.Sprintf("barrier %d/6", barrier+1))
	}
	require.Regexp(t, `2 carol +complete +3/3 +5/5 `, stdout)
	require.Regexp(t, `receipt: all 4 attest result [0-9a-f]{16}…, each with its signature; the same \d+ bytes`, stdout)
	require.Contains(t, stdout, "complete: 4 nodes, 5 steps, nobody passed a barrier before everyone had arrived")
}

func TestDifferentResultsAreNamed(t *testing.T) {
	code, stdout, stderr := demo(t, "--differ", "2", "--steps", "2")
	require.Equal(t, exitFailed, code, stdout+stderr)
	require.Regexp(t, `\noperators 0-3: the results differ: `, stdout)
	require.Regexp(t, `operator \d \((alice|bob|dave)\) attest [0-9a-f]{8}…`, stdout)
	require.Regexp(t, `operator 2 \(carol\) attests [0-9a-f]{8}…`, stdout)
	require.NotContains(t, stdout, "receipt:")
	failed := strings.HasSuffix(stderr, "fxapp: the ceremony failed: 0 of 4 nodes completed it\n")
	require.True(t, failed, stderr)
}

func TestEveryNodeCompletesOverQUIC(t *testing.T) {
	code, stdout, stderr := demo(t, "--transport", "quic", "--nodes", "3", "--steps", "2")
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "3 nodes, 2 steps, QUIC")
	require.Contains(t, stdout, "complete: 3 nodes, 2 steps")
}

func TestManyNodesStayReadable(t *testing.T) {
	code, stdout, stderr := demo(t, "--nodes", "17", "--steps", "8")
	require.Zero(t, code, stdout+stderr)
	require.NotContains(t, stdout, "is connected to all others", "a line for each of many nodes")
	const enough = 180 // characters; the longest lines say why a member is missing
	for line := range strings.Lines(stdout) {
		require.Less(t, len([]rune(line)), enough, line)
	}
}

func TestACharonDefinitionCompletes(t *testing.T) {
	code, stdout, stderr := demo(t, "--definition", sampleDefinition, "--keys", sampleKeys, "--steps", "2")
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "definition 3ecf58b219befd786f564d648e63745942960cafc6b200d63ffa7341cc9b6594")
	for i, id := range samplePeers {
		require.Contains(t, stdout, fmt.Sprintf("%d …%s", i, id[len(id)-8:]))
	}
}

func TestAllWaitForTheLateNode(t *testing.T) {
	const late = 2300 * time.Millisecond // once the others are connected, the report says every second who is missing
	begin := time.Now()
	code, stdout, stderr := demo(t, "--late", late.String(), "--steps", "1")
	require.Zero(t, code, stdout+stderr)
	require.Greater(t, time.Since(begin), late)
	require.Contains(t, stdout, "operators 0-2 wait for operator 3 (dave): not connected")
}

func TestSurvivorsNameTheDead(t *testing.T) {
	for _, transport := range []string{tcp, quic} {
		t.Run(transport, func(t *testing.T) {
			code, stdout, stderr := demo(t, "--kill", "2", "--transport", transport)
			require.Equal(t, exitFailed, code)
			require.Contains(t, stdout, "operator 2 (carol) dies in step 3")
			require.Contains(t, stdout, "\noperators 0-1, 3: operator 2 (carol) ")
			failed := strings.HasSuffix(stderr, "fxapp: the ceremony failed: 0 of 4 nodes completed it\n")
			require.True(t, failed, stderr)
			fails := regexp.MustCompile(`fails, ([0-9.]+) ms after the death`).FindAllStringSubmatch(stdout, -1)
			require.Len(t, fails, 3, stdout)
			for _, fail := range fails {
				ms, err := strconv.ParseFloat(fail[1], 64)
				require.NoError(t, err)
				require.Less(t, ms, 10_000.0, "on a busy machine; by default it takes a minute")
			}
		})
	}
}

func TestARestartedNodeTriesAgain(t *testing.T) {
	code, stdout, stderr := demo(t, "--restart", "1", "--attempts", "3")
	require.Zero(t, code, stdout+stderr)
	const why = `operator 1 \(bob\) (restarted: its step went from 3 to 0|made the ceremony fail)`
	require.Contains(t, stdout, "operator 1 (bob) restarts in step 3: its host is closed, and nobody has been told")
	require.Contains(t, stdout, "operator 1 (bob) starts again, with the same key at the same address")
	require.Regexp(t, `fails, .+ after the restart began: `+why, stdout)
	for _, other := range []string{"0 (alice)", "2 (carol)", "3 (dave)"} {
		require.Contains(t, stdout, "operator "+other+" begins attempt 2")
	}
	require.Contains(t, stdout, "operator 1 (bob) restarted, and completed in the first attempt of its new process")
	require.Regexp(t, `operators 0, 2-3 completed in attempt 2; attempt 1 had failed: `+why, stdout)
	require.Contains(t, stdout, "receipt: all 4 attest")
	require.Contains(t, stdout, "complete: 4 nodes, 5 steps, nobody passed a barrier before everyone had arrived")
}

func TestDifferentResultsEndAll(t *testing.T) {
	code, stdout, stderr := demo(t, "--differ", "2", "--steps", "1", "--attempts", "3")
	require.Equal(t, exitFailed, code, stdout+stderr)
	require.NotContains(t, stdout, "begins attempt")
	require.Regexp(t, `\noperators 0-3: the results differ: `, stdout)
}

func TestEveryoneSeesABrokenPair(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := demo(t, "--cut", "1-2")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `operator 1 \(bob\) and operator 2 \(carol\) cannot reach each other \(for \d+s\): `+
		"seen by operators 0-3\n", stdout)
	require.Contains(t, stderr, "bob and carol cannot reach each other (for", "the log of a third node")
	require.Contains(t, stderr, "but alice and dave reach it: check this node's network", "the log of one of the two")
	gaveUp := "fxapp: gave up after 15s: operator 1 (bob) and operator 2 (carol) cannot reach each other\n"
	require.True(t, strings.HasSuffix(stderr, gaveUp), stderr)
}

func TestInterruptedWithinASecond(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		at   string // the interruption comes once this is printed
		want string
	}{
		"before step 1": {
			[]string{"--late", "1h"},
			"starts 1h0m0s late",
			"all nodes stop before step 1: interrupted by SIGINT\n",
		},
		"while running": {
			nil,
			"barrier 2/6",
			"all nodes stop in step 2, and tell one another why: interrupted by SIGINT\n",
		},
		"with a dead member": {
			[]string{"--kill", "1"},
			"dies in step 3",
			"all nodes stop in step 3, and tell one another why",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancelCause(t.Context())
			var elapsed func() time.Duration
			stdout := &watched{text: test.at, found: func() {
				elapsed = harness.Stopwatch(t)
				interrupt(interruption{syscall.SIGINT})
			}}
			code := run(ctx, append([]string{"demo"}, test.args...), stdout, io.Discard)
			require.NotNil(t, elapsed, stdout.String())
			require.Less(t, elapsed(), time.Second)
			require.Equal(t, exitSignal+int(syscall.SIGINT), code)
			require.Contains(t, stdout.String(), test.want)
		})
	}
}

func TestSignalsDecideTheExitCode(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			started := make(chan struct{})
			stdout := &watched{text: "starts 1h0m0s late", found: func() { close(started) }}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "demo", "--late", "1h")
			cmd.Env = append(os.Environ(), asProgram+"=1")
			cmd.Stdout = stdout
			require.NoError(t, cmd.Start())
			<-started
			require.NoError(t, cmd.Process.Signal(sig))
			exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
			require.True(t, ok)
			require.Equal(t, want, exit.ExitCode())
		})
	}
}

func TestUnusableCommandLines(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--nodes 1":       "--nodes 1: it must be between 2 and 64",
		"--nodes 65":      "--nodes 65: it must be between 2 and 64",
		"--nodes four":    `--nodes "four": it must be a whole number`,
		"--steps 0":       "--steps 0: it must be between 1 and 100",
		"--steps 101":     "--steps 101: it must be between 1 and 100",
		"--transport udp": `--transport "udp": it must be tcp or quic`,
		"--late -1s":      "--late -1s: it must not be negative",
		"--kill 4":        "--kill 4: the operators are 0 to 3",
		"--kill -1":       "--kill -1: the operators are 0 to 3",
		"--attempts 0":    "--attempts 0: it must be at least 1",
		"--restart 1": "--restart needs --attempts 2 or more: " +
			"a restart ends an attempt for every node",
		"--restart 4 --attempts 2":           "--restart 4: the operators are 0 to 3",
		"--restart 1 --attempts 2 --cut 1-2": "--restart and --cut: no node reaches step 3",
		"--kill 1 --attempts 2": "--kill and --attempts: " +
			"the others would wait for the dead node in the next attempt",
		"--cut 1":     `--cut "1": it must be two operators, for example 1-2`,
		"--cut 2-2":   `--cut "2-2": it must be two operators, for example 1-2`,
		"--cut 1-4":   "--cut 1-4: the operators are 0 to 3",
		"--differ 4":  "--differ 4: the operators are 0 to 3",
		"--differ -1": "--differ -1: the operators are 0 to 3",
		"--kill 4 --definition " + sampleDefinition + " --keys " + sampleKeys: "--kill 4: the operators are 0 to 3",
		"--definition a.json": "--definition and --keys: give both",
		"--keys testdata":     "--definition and --keys: give both",
		"--definition a.json --keys b --nodes 4": "--definition and --nodes: " +
			"give only one of the two",
		"--definition a.json --keys b":                   "--definition a.json: no such file or directory",
		"--definition " + sampleDefinition + " --keys b": "--keys b: no such file or directory",
		"--colour": "unknown flag: --colour: fxapp demo --help lists the flags",
		"now":      `"now" is not a flag, and fxapp demo takes nothing else: fxapp demo --help lists its flags`,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := demo(t, strings.Fields(args)...)
			require.Equal(t, exitUsage, code)
			require.Empty(t, stdout)
			require.Equal(t, "fxapp: "+want+"\n", stderr)
		})
	}
}

// demo runs the program's demo.
func demo(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"demo"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// watched is an output that calls its field found as soon as the output contains
// its text.
type watched struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	text  string
	found func()
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buf.Write(b)
	if w.found != nil && bytes.Contains(w.buf.Bytes(), []byte(w.text)) {
		w.found()
		w.found = nil
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}
