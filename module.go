package dkgsync

import (
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Module is [syncmod.Module]. It requires a host.Host. The comment of
// [syncmod.Module] lists what else it takes from the graph.
//
// Module adds nothing that a node may already have. Two other options do:
// otelsdk.Module, which is in a Go module of its own, adds the OpenTelemetry SDK as
// the OTEL_* variables configure it; lifecycle.WithFxLogger sends fx's events to the
// node's log.
var Module fx.Option = syncmod.Module
