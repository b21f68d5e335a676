// Kubo is the ipfs command with DKG synchronization: kubo's own main, and one plugin.
package main

import (
	"os"

	"github.com/ipfs/kubo/cmd/ipfs/kubo"
	"github.com/ipfs/kubo/plugin/loader"
)

func main() {
	os.Exit(kubo.Start(kubo.BuildEnv(func(plugins *loader.PluginLoader) error {
		return plugins.Load(&dkgsync{})
	})))
}
