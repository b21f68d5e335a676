package standalone_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Somebody else's program has neither this repository's workspace nor the modules of
// its tests. It can use what syncmod/contract_test.go lists. So the test's program
// compiles that list, as well as a node of its own.
func TestAnOutsideProgramRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := newProgram(t)

	program.run(t, "build", "./...")
	program.run(t, "vet", "./...")
	program.run(t, "test", "-count=1", "./...")
	require.Equal(t, "v0.47.0", program.versions(t)["github.com/libp2p/go-libp2p"], "it keeps its own version")
}

// program is a Go module in a directory of its own that uses the checkout.
type program struct {
	dir, flags  string
	environment []string
}

func newProgram(t *testing.T) program {
	t.Helper()
	p := emptyProgram(t)
	require.NoError(t, os.CopyFS(p.dir, os.DirFS("testdata/consumer")))
	p.write(t, "go.mod", "module example.com/consumer\n\ngo 1.26.0\n\n"+
		floor+"\nrequire github.com/dkgsync/dkgsync v0.0.0\n\n"+
		"replace github.com/dkgsync/dkgsync => "+checkout(t)+"\n")
	contract := read(t, filepath.Join(checkout(t), "syncmod", "contract_test.go"))
	p.write(t, "contract_test.go", strings.Replace(contract, "package syncmod_test", "package consumer_test", 1))
	return p
}

// emptyProgram returns a program that has only the checksums of what it may have to download.
func emptyProgram(t *testing.T) program {
	t.Helper()
	p := program{dir: t.TempDir(), flags: "-mod=mod"}
	if withRaceDetector() {
		p.flags += " -race" // so that the packages that were built for this test are used again
	}
	var sums strings.Builder
	for _, module := range []string{".", "clusterfile", "integration"} {
		sums.WriteString(read(t, filepath.Join(checkout(t), module, "go.sum")))
	}
	p.write(t, "go.sum", sums.String())
	return p
}

// checkout returns the directory of the root module.
func checkout(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(command(t, ".", nil, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/dkgsync/dkgsync"))
}

func withRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func (p program) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

// run runs the go command in the program's directory.
func (p program) run(t *testing.T, args ...string) string {
	t.Helper()
	return command(t, p.dir, p.environ(), "go", args...)
}

func (p program) environ() []string {
	return append([]string{"GOWORK=off", "GOFLAGS=" + p.flags}, p.environment...)
}

func command(t *testing.T, dir string, environment []string, name string, args ...string) (stdout string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), environment...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s%s", name, strings.Join(args, " "), output, stderr.String())
	return string(output)
}
