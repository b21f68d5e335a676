package kubo_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// repo is the directory of an ipfs node, its IPFS_PATH.
type repo string

// newRepo makes a repository with `ipfs init`. Its node stays on this machine and looks
// for no peers.
func newRepo(t *testing.T) repo {
	t.Helper()
	r := repo(t.TempDir())
	r.run(t, "init", "--profile", "test")
	r.run(t, "config", "Routing.Type", "none")
	return r
}

// use makes the plugin read a file.
func (r repo) use(t *testing.T, file string) {
	t.Helper()
	config, err := json.Marshal(map[string]any{"dkgsync": map[string]any{"Config": map[string]any{"Ceremony": file}}})
	require.NoError(t, err)
	r.run(t, "config", "--json", "Plugins.Plugins", string(config))
}

func (r repo) id(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(r.run(t, "config", "Identity.PeerID"))
}

// run runs an ipfs command and returns what it prints. It requires that the command
// succeeds, prints no errors, and leaves no process behind.
func (r repo) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := r.command(ctx, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	require.NoError(t, err, "ipfs %s: %s%s", strings.Join(args, " "), stdout, stderr.String())
	require.Empty(t, stderr.String(), "ipfs %s", strings.Join(args, " "))
	return string(stdout)
}

// command returns an ipfs command for this repository. It removes environment variables
// about logs and telemetry.
func (r repo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Getenv("KUBO_BIN"), args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc([]string{"IPFS_", "GOLOG_", "OTEL_", "LIBP2P_"}, func(prefix string) bool {
			return strings.HasPrefix(variable, prefix)
		})
	})
	cmd.Env = append(cmd.Env, "IPFS_PATH="+string(r))
	return cmd
}

// write puts a ceremony file into the repository and makes the plugin use it. The
// steps call w, where the test does this member's work.
func (r repo) write(t *testing.T, about string, ids []string, w *work, member int) {
	t.Helper()
	type entry struct {
		Name string `json:"name"`
		ID   string `json:"id,omitempty"`
		URL  string `json:"url,omitempty"`
	}
	var peers, steps []entry
	for i, id := range ids {
		peers = append(peers, entry{Name: harness.Name(i), ID: id})
	}
	for i, name := range []string{"exchange keys", "save the share"} {
		steps = append(steps, entry{Name: name, URL: w.url(member, i+1)})
	}
	text, err := json.Marshal(map[string]any{
		"hash": "0x" + hex.EncodeToString(harness.Hash(about)), "peers": peers, "steps": steps,
	})
	require.NoError(t, err)
	file := filepath.Join(string(r), "ceremony.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	r.use(t, file)
}
