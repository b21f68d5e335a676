// Kubo is the ipfs command with DKG synchronization. It is kubo's own main with one more plugin.
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
