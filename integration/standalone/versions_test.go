package standalone_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kubo is a node from another project, with more dependencies than most.
const kubo = "github.com/ipfs/kubo@v0.43.1"

// The versions are those of `go list -m all`: everything that the node or one of its
// dependencies requires, whether or not the node builds it.
func TestANodeKeepsItsVersions(t *testing.T) {
	t.Run("kubo", func(t *testing.T) {
		node := newNode(t, "")
		node.write(t, "go.mod", read(t, node.list(t, "-f", "{{.GoMod}}", kubo)[0]))
		// kubo replaces go-libp2p with a fork. Without the replacement, it requires older
		// versions, which it must keep.
		node.run(t, "mod", "edit", "-module=example.com/node", "-dropreplace=github.com/libp2p/go-libp2p")

		moved, added := node.afterImporting(t)

		require.Empty(t, moved)
		require.Empty(t, added)
	})
	t.Run("a host and fx", func(t *testing.T) {
		node := newNode(t, floor)

		moved, added := node.afterImporting(t)

		require.Empty(t, moved)
		require.Equal(t, []string{
			"github.com/cenkalti/backoff/v5",
			"github.com/cockroachdb/datadriven",
			"github.com/go-logr/logr",
			"github.com/go-logr/stdr",
			"github.com/google/go-cmp",
			"github.com/sirupsen/logrus",
			"go.opentelemetry.io/otel",
			"go.opentelemetry.io/otel/metric",
			"go.opentelemetry.io/otel/trace",
			"pgregory.net/rapid",
		}, added)
	})
}

// floor is what a node with the oldest supported libp2p requires.
const floor = "require (\n\tgithub.com/libp2p/go-libp2p v0.47.0\n\tgo.uber.org/fx v1.24.0\n)\n"

// newNode makes a Go module that has no code yet, so it does not import this module.
func newNode(t *testing.T, requires string) program {
	t.Helper()
	// Only go.mod files are downloaded, and nothing is built, so no checksums are needed.
	p := program{dir: t.TempDir(), flags: "-mod=mod", environment: []string{"GOSUMDB=off"}}
	p.write(t, "go.mod", "module example.com/node\n\ngo 1.26.0\n\n"+requires)
	return p
}

// afterImporting lists the modules whose versions change, and the new modules, when the
// node requires this module.
func (p program) afterImporting(t *testing.T) (moved, added []string) {
	t.Helper()
	before := p.versions(t)
	require.NotEmpty(t, before)
	p.run(t, "mod", "edit", "-require=github.com/dkgsync/dkgsync@v0.0.0",
		"-replace=github.com/dkgsync/dkgsync="+checkout(t))
	after := p.versions(t)
	require.Contains(t, after, "github.com/dkgsync/dkgsync")
	delete(after, "github.com/dkgsync/dkgsync")
	for name, version := range after {
		switch was, there := before[name]; {
		case !there:
			added = append(added, name)
		case was != version:
			moved = append(moved, name+" "+was+" => "+version)
		}
	}
	slices.Sort(moved)
	slices.Sort(added)
	return moved, added
}

// versions returns the versions of all modules that the program requires, by path.
func (p program) versions(t *testing.T) map[string]string {
	t.Helper()
	versions := make(map[string]string)
	for _, line := range p.list(t, "-f", "{{if not .Main}}{{.Path}} {{.Version}}{{end}}", "all") {
		name, version, _ := strings.Cut(line, " ")
		versions[name] = version
	}
	return versions
}

// list returns the lines of `go list -m`.
func (p program) list(t *testing.T, args ...string) []string {
	t.Helper()
	return slices.DeleteFunc(strings.Split(p.run(t, append([]string{"list", "-m"}, args...)...), "\n"),
		func(line string) bool { return line == "" })
}

func TestTheRootModuleNeedsNoSDK(t *testing.T) {
	root := program{dir: checkout(t), flags: "-mod=readonly"}
	needed := append(
		strings.Fields(root.run(t, "list", "-deps", "-test", "./...")),         // what it and its tests build
		strings.Fields(root.run(t, "list", "-m", "-f", "{{.Path}}", "all"))..., // what it requires
	)

	require.Contains(t, needed, "go.opentelemetry.io/otel/trace")
	for _, name := range needed {
		for _, sdk := range []string{
			"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "go.opentelemetry.io/contrib",
		} {
			require.False(t, strings.HasPrefix(name, sdk), name)
		}
	}
}
