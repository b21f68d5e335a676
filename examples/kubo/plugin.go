package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ipfs/go-log/v2"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/plugin"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry"
)

// dkgsync is the plugin. It does nothing unless kubo's configuration has a Config for it.
type dkgsync struct{ config any }

var _ plugin.PluginFx = (*dkgsync)(nil)

func (*dkgsync) Name() string    { return syncmod.ModuleName }
func (*dkgsync) Version() string { return telemetry.Version }

// Init runs before every command, even before the command that repairs the
// configuration. So it only stores the Config, and checks nothing.
func (p *dkgsync) Init(env *plugin.Environment) error {
	p.config = env.Config
	return nil
}

// Options adds the ceremony to every node that kubo makes. The node of an offline
// command has no host, and takes part in no ceremony.
func (p *dkgsync) Options(node core.FXNodeInfo) ([]fx.Option, error) {
	if p.config == nil {
		return node.FXOptions, nil
	}
	return append(node.FXOptions,
		syncmod.ModuleIfHost,
		fx.Provide(logger, p.ceremony, ceremony.definition),
		syncmod.RunSteps(ceremony.steps),
		syncmod.OnEnd(tell),
	), nil
}

// ceremony reads the file that the configuration names.
func (p *dkgsync) ceremony() (ceremony, error) {
	config, _ := p.config.(map[string]any)
	file, _ := config["Ceremony"].(string)
	if file == "" {
		return ceremony{}, errors.New("Plugins.Plugins.dkgsync.Config.Ceremony has to name a file")
	}
	return readCeremony(file)
}

// logger writes to kubo's log. By default kubo's log shows only errors; this subsystem
// logs at the info level unless the operator set its level.
func logger() (*slog.Logger, error) {
	config := log.GetConfig()
	if _, set := config.SubsystemLevels[syncmod.ModuleName]; !set && config.Level > log.LevelInfo {
		if err := log.SetLogLevel(syncmod.ModuleName, "info"); err != nil {
			return nil, err
		}
	}
	return slog.New(log.SlogHandler()).With("logger", syncmod.ModuleName), nil
}

// tell prints how the ceremony ended, in the place where kubo prints that it is ready.
// The daemon goes on.
func tell(c *syncmod.Ceremony) {
	if err := c.Err(); err != nil {
		fmt.Printf("DKG ceremony did not complete: %s\n", err)
		return
	}
	fmt.Println("DKG ceremony is complete")
}
