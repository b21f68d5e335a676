package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/dkgsync/dkgsync/syncmod"
)

const libp2pModule = "github.com/libp2p/go-libp2p"

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print what this program was built from",
		Example: `  fxapp version`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return fmt.Errorf("this program was built without build information: build it with modules")
			}
			for _, line := range buildLines(info) {
				cmd.Printf("%-9s %s\n", line[0], line[1])
			}
			return nil
		},
	}
}

// buildLines returns the lines that the version command prints: a label and its value.
func buildLines(info *debug.BuildInfo) [][2]string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	switch {
	case revision == "":
		revision = "unknown: built outside a git checkout, or with -buildvcs=false"
	case settings["vcs.modified"] == "true":
		revision += ", with changes, committed " + settings["vcs.time"]
	default:
		revision += ", committed " + settings["vcs.time"]
	}
	libp2p := "unknown"
	for _, dependency := range info.Deps {
		if dependency.Path == libp2pModule {
			libp2p = dependency.Version
		}
	}
	return [][2]string{
		{"fxapp", info.Main.Version},
		{"revision", revision},
		{"go", fmt.Sprintf("%s, %s/%s", info.GoVersion, settings["GOOS"], settings["GOARCH"])},
		{"libp2p", libp2p},
		{"protocol", string(syncmod.ProtocolID)},
	}
}
