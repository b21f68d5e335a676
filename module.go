package dkgsync

import (
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Module is [syncmod.Module]. It requires a host.Host; that page says what else it
// takes from the graph.
//
// It adds nothing that a node may have already. otelsdk.Module, an option of a
// module of its own, brings the OpenTelemetry SDK as OTEL_* configures it.
// lifecycle.WithFxLogger sends the events of fx to the node's log.
var Module fx.Option = syncmod.Module
