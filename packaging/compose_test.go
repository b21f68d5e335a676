package packaging

import (
	"maps"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

func TestTheComposeFile(t *testing.T) {
	project := readCompose(t)

	names := project.ServiceNames()
	require.ElementsMatch(t, []string{"alice", "bob", "carol", "dave", "relay", "define", "jaeger"}, names)
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		require.Equal(t, types.ShellCommand{"node"}, project.Services[name].Command)
	}
}

func TestAPairCanMeetOnlyThroughTheRelay(t *testing.T) {
	project := readCompose(t)
	networks := func(service string) []string {
		return slices.Sorted(maps.Keys(project.Services[service].Networks))
	}

	require.Len(t, networks("bob"), 1)
	require.Len(t, networks("carol"), 1)
	require.NotEqual(t, networks("bob"), networks("carol"))
	for _, everywhere := range []string{"relay", "alice", "dave", "jaeger"} {
		require.Subset(t, networks(everywhere), append(networks("bob"), networks("carol")...), everywhere)
	}
}

func TestServicesMayDoLittle(t *testing.T) {
	for name, service := range readCompose(t).Services {
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s: for this machine only", name)
		}
		if name == "jaeger" {
			continue // not our image
		}
		require.True(t, service.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		require.Empty(t, service.User, "%s: it runs as the user of the image", name)
	}
}

func TestServicesHaveKnownFlags(t *testing.T) {
	for name, service := range readCompose(t).Services {
		if name == "jaeger" || name == "define" {
			continue
		}
		requireKnown(t, service.Command[0], slices.Collect(maps.Keys(service.Environment))...)
	}
}

// readCompose reads the compose file as docker compose does, with all profiles.
func readCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithDefaultProfiles("*"))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}
