package packaging

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
)

func TestTheContainerFileIsClean(t *testing.T) {
	_, warnings := readContainerfile(t)

	require.Empty(t, warnings)
}

func TestTheImageIsBare(t *testing.T) {
	stages, _ := readContainerfile(t)
	image := stages[len(stages)-1]

	require.Equal(t, "scratch", image.BaseName)
	require.Empty(t, commands[*instructions.RunCommand](image), "there is no shell in it")
	users := commands[*instructions.UserCommand](image)
	require.NotEmpty(t, users)
	require.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, users[len(users)-1].User, "not 0, and no name")
}

func TestTheImageStartsFxapp(t *testing.T) {
	stages, _ := readContainerfile(t)
	image := stages[len(stages)-1]

	entry := commands[*instructions.EntrypointCommand](image)
	require.Len(t, entry, 1)
	require.False(t, entry[0].PrependShell, "there is no shell in it")
	require.Len(t, entry[0].CmdLine, 1)
	var copied []string
	for _, c := range commands[*instructions.CopyCommand](image) {
		require.Equal(t, stages[0].Name, c.From)
		copied = append(copied, c.DestPath)
	}
	require.Contains(t, copied, entry[0].CmdLine[0])
}

func TestTheImagesVariables(t *testing.T) {
	stages, _ := readContainerfile(t)

	for _, env := range commands[*instructions.EnvCommand](stages[len(stages)-1]) {
		for _, pair := range env.Env {
			requireKnown(t, "node", pair.Key)
		}
	}
}

// The first stage runs the script that builds releases, with a Go version that can build the
// module.
func TestTheImageIsARelease(t *testing.T) {
	stages, _ := readContainerfile(t)

	runs := commands[*instructions.RunCommand](stages[0])
	require.Len(t, runs, 1)
	words := strings.Fields(strings.Join(runs[0].CmdLine, " "))
	require.Equal(t, []string{"packaging/release.sh", "/out", `"$TARGETOS/$TARGETARCH"`}, words[:3])
	info, err := os.Stat("../packaging/release.sh")
	require.NoError(t, err)
	require.NotZero(t, info.Mode().Perm()&0o111)

	module, err := os.ReadFile("../examples/fxapp/go.mod")
	require.NoError(t, err)
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	require.Equal(t, "golang:"+string(wanted[1]), stages[0].BaseName)
}

// readContainerfile reads the container file as BuildKit does, and returns the warnings of
// BuildKit's linter too.
func readContainerfile(t *testing.T) (stages []instructions.Stage, warnings []string) {
	t.Helper()
	file, err := os.Open("Containerfile")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	parsed, err := parser.Parse(file)
	require.NoError(t, err)
	for _, w := range parsed.Warnings {
		warnings = append(warnings, w.Short)
	}
	lint := linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, _ []parser.Range) {
			warnings = append(warnings, rule+": "+message)
		},
	})
	stages, _, err = instructions.Parse(parsed.AST, lint)
	require.NoError(t, err)
	return stages, warnings
}

// commands returns the commands of one kind in a stage.
func commands[C instructions.Command](stage instructions.Stage) []C {
	var found []C
	for _, command := range stage.Commands {
		if c, ok := command.(C); ok {
			found = append(found, c)
		}
	}
	return found
}
