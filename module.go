package dkgsync

import (
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/telemetry/otelsdk"
)

// Module is [syncmod.Module], with the OpenTelemetry SDK as OTEL_* configures it
// ([otelsdk.Module]; it does nothing while nothing asks for it), and with the
// events of fx in the node's log: at debug level what went well, at error level
// what did not.
//
// It requires a host.Host. What else it takes from the graph, if it is there,
// stands at [syncmod.Module]; the log is that of the *logrus.Logger, or else
// logrus's standard logger. An fx.WithLogger behind it takes fx's events away
// again.
var Module fx.Option = fx.Options(
	otelsdk.Module,
	syncmod.Module,
	lifecycle.WithFxLogger(),
)
