package syncmod_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
	"github.com/dkgsync/dkgsync/syncmod"
)

// The public API, identifier by identifier. If a change breaks a program that
// uses the API, this file does not compile.

const _ protocol.ID = syncmod.ProtocolID

// With fx.
var (
	_ fx.Option                                    = syncmod.Module
	_ fx.Option                                    = syncmod.ModuleIfHost
	_ func(syncmod.Config) fx.Option               = syncmod.Configure
	_ func(syncmod.Params) (syncmod.Result, error) = syncmod.New
	_ func(constructor any) fx.Option              = syncmod.RunSteps
	_ func(func(*syncmod.Ceremony)) fx.Option      = syncmod.OnEnd
	_ func(constructor any) fx.Option              = syncmod.RunAttempts

	_ = syncmod.Params{
		Config: syncmod.Config{}, Host: host.Host(nil),
		Lifecycle: fx.Lifecycle(nil), OnEnd: []func(*syncmod.Ceremony){},
		Shutdowner: fx.Shutdowner(nil), Failer: (*lifecycle.Failer)(nil),
		Logger: (*logrus.Logger)(nil), Slog: (*slog.Logger)(nil),
		Tracer: trace.TracerProvider(nil), Meter: metric.MeterProvider(nil),
	}
	_ = syncmod.Result{
		Service: (*syncmod.Service)(nil),
		Server:  (*syncmod.Server)(nil),
		Clients: (*syncmod.Clients)(nil),
	}
)

// Without fx.
var (
	_ func(host.Host, syncmod.Config, ...syncmod.Option) (*syncmod.Service, error) = syncmod.NewService
	_ func(*syncmod.Service, context.Context) error                                = (*syncmod.Service).Start
	_ func(*syncmod.Service, context.Context) error                                = (*syncmod.Service).Stop
	_ func() syncmod.OpenOption                                                    = syncmod.Observe
	_ func(error) error                                                            = syncmod.Permanent
	_ func(*syncmod.Service) []*syncmod.Ceremony                                   = (*syncmod.Service).Ceremonies
	_ func(*syncmod.Service, context.Context) iter.Seq[[]*syncmod.Ceremony]        = (*syncmod.Service).Watch
	_ func(*logrus.Logger) syncmod.Option                                          = syncmod.WithLogger
	_ func(*slog.Logger) syncmod.Option                                            = syncmod.WithSlog
	_ func(trace.TracerProvider) syncmod.Option                                    = syncmod.WithTracerProvider
	_ func(metric.MeterProvider) syncmod.Option                                    = syncmod.WithMeterProvider
	_ interface {
		Start(context.Context) error
		Stop(context.Context) error
	} = (*syncmod.Server)(nil)
	_ interface {
		Start(context.Context) error
		Stop(context.Context) error
	} = (*syncmod.Clients)(nil)
	_ func(members int) rcmgr.PartialLimitConfig = syncmod.ResourceLimits

	_ func(members, ceremonies int) (network.ResourceManager, error) = syncmod.NewResourceManager
)

// Observing, or taking part.
var _ func(
	*syncmod.Service, syncmod.Definition, ...syncmod.OpenOption,
) (*syncmod.Ceremony, error) = (*syncmod.Service).Open

// Running attempts one after another.
var _ func(
	*syncmod.Service, context.Context, syncmod.Definition, func(*syncmod.Ceremony) ([]syncmod.Step, error),
) (*syncmod.Receipt, error) = (*syncmod.Service).Run

// A ceremony.
var (
	_ func(*syncmod.Ceremony, context.Context) error                    = (*syncmod.Ceremony).AwaitConnected
	_ func(*syncmod.Ceremony, context.Context) (step int64, err error)  = (*syncmod.Ceremony).Advance
	_ func(*syncmod.Ceremony, int64) error                              = (*syncmod.Ceremony).SetStep
	_ func(*syncmod.Ceremony, context.Context, int64) error             = (*syncmod.Ceremony).AwaitStep
	_ func(*syncmod.Ceremony, context.Context, ...syncmod.Step) error   = (*syncmod.Ceremony).Run
	_ func(*syncmod.Ceremony, context.Context) error                    = (*syncmod.Ceremony).Complete
	_ func(*syncmod.Ceremony, []byte) error                             = (*syncmod.Ceremony).Attest
	_ func(*syncmod.Ceremony) *syncmod.Receipt                          = (*syncmod.Ceremony).Receipt
	_ func(*syncmod.Ceremony, error)                                    = (*syncmod.Ceremony).Abort
	_ func(*syncmod.Ceremony, context.Context) error                    = (*syncmod.Ceremony).Close
	_ func(*syncmod.Ceremony) <-chan struct{}                           = (*syncmod.Ceremony).Done
	_ func(*syncmod.Ceremony) error                                     = (*syncmod.Ceremony).Err
	_ func(*syncmod.Ceremony) syncmod.Definition                        = (*syncmod.Ceremony).Definition
	_ func(*syncmod.Ceremony) syncmod.Status                            = (*syncmod.Ceremony).Status
	_ func(*syncmod.Ceremony, context.Context) iter.Seq[syncmod.Status] = (*syncmod.Ceremony).Watch

	_ func(*syncmod.Ceremony, context.Context) (context.Context, context.CancelFunc) = (*syncmod.Ceremony).Context

	_ = syncmod.Step{Name: "", Run: (func(context.Context) error)(nil)}
)

// The input. A Definition and a Peer have no other fields.
var (
	_ = struct {
		Hash  []byte
		Peers []syncmod.Peer
	}(syncmod.Definition{})
	_ = struct {
		ID    peer.ID
		Name  string
		Addrs []multiaddr.Multiaddr
	}(syncmod.Peer{})

	_ func() syncmod.Config      = syncmod.DefaultConfig
	_ func(syncmod.Config) error = syncmod.Config.Validate

	_ = syncmod.Config{
		Version: "", Nickname: "",
		Heartbeat: time.Duration(0), ExchangeTimeout: time.Duration(0), PeerTimeout: time.Duration(0),
		OpenGrace: time.Duration(0), GoodbyeTimeout: time.Duration(0), MaxFrame: int(0),
		BackoffMin: time.Duration(0), BackoffMax: time.Duration(0),
		Retry:         syncmod.Retry{Attempts: int(0), Pause: time.Duration(0), PauseMax: time.Duration(0)},
		RegisterEarly: false, ShutdownOnFailure: false, ShutdownOnComplete: false,
	}
)

// The output.
var (
	_ = syncmod.Status{
		Phase: syncmod.Phase(0), Step: int64(0), StepName: "", Since: time.Time{},
		Peers: []syncmod.PeerStatus(nil), Err: error(nil), Attempt: int(0), Broken: []syncmod.BrokenLink(nil),
		Retried: false, Steps: []string(nil), Passed: []syncmod.PassedBarrier(nil), At: time.Time{},
		Observes: false, Nickname: "", Version: "",
	}
	_ = syncmod.PassedBarrier{
		Kind: "", Step: int64(0), Name: "", Since: time.Time{}, Passed: time.Time{}, Last: int(0),
		Arrivals: []time.Time(nil),
	}
	_ func(syncmod.PassedBarrier) time.Duration            = syncmod.PassedBarrier.Behind
	_ func(syncmod.Status) *syncmod.WaitError              = syncmod.Status.WaitingFor
	_ func(syncmod.PeerStatus, time.Time) string           = syncmod.PeerStatus.Describe
	_ func(syncmod.BrokenLink, []string, time.Time) string = syncmod.BrokenLink.Describe
	_ func(syncmod.Definition) []string                    = syncmod.Definition.Names
	_                                                      = syncmod.PeerStatus{
		Index: int(0), Peer: syncmod.Peer{}, Nickname: "", Version: "",
		Inbound: false, Outbound: false, Relayed: false, Step: int64(0), Done: false,
		LastSeen: time.Time{}, Since: time.Time{}, RTT: time.Duration(0),
		Reconnects: int(0), Attempts: int(0), LastError: error(nil), Waiting: "", Fault: error(nil),
		View: []syncmod.Link(nil), ClockOffset: time.Duration(0),
	}
	_ = syncmod.BrokenLink{A: int(0), B: int(0), Since: time.Time{}}
	_ = struct{ Inbound, Outbound, Relayed, Done bool }(syncmod.Link{})
	_ = syncmod.Receipt{DefinitionHash: []byte(nil), LastStep: int64(0), Members: []syncmod.Attestation(nil)}
	_ = syncmod.Attestation{
		ID: peer.ID(""), Session: uint64(0), Result: []byte(nil), Signature: []byte(nil), PublicKey: []byte(nil),
	}
	_ func([]byte) (*syncmod.Receipt, error) = syncmod.ParseReceipt
	_ func(*syncmod.Receipt) error           = (*syncmod.Receipt).Verify
	_ func(*syncmod.Receipt) []byte          = (*syncmod.Receipt).Result
	_ json.Marshaler                         = syncmod.Receipt{}
	_ json.Unmarshaler                       = (*syncmod.Receipt)(nil)

	_ json.Marshaler = syncmod.Status{}
	_ json.Marshaler = syncmod.PeerStatus{}
	_ fmt.Stringer   = syncmod.Phase(0)

	_ error = &syncmod.PeerError{Peer: syncmod.Peer{}, Index: int(0), Err: error(nil)}
	_ error = &syncmod.WaitError{
		Barrier: "", Step: int64(0), Since: time.Time{}, Missing: []syncmod.PeerStatus(nil),
		Err: error(nil),
	}

	_ interface{ Unwrap() error } = &syncmod.PeerError{}
	_ interface{ Unwrap() error } = &syncmod.WaitError{}

	_ = []error{
		syncmod.ErrVersionMismatch, syncmod.ErrBadSignature, syncmod.ErrMembersMismatch, syncmod.ErrPeerRestarted,
		syncmod.ErrResultMismatch,
		syncmod.ErrSelfRestarted, syncmod.ErrStepSkipped, syncmod.ErrLeftBehind,
		syncmod.ErrPeerRejected, syncmod.ErrPeerAborted, syncmod.ErrPeerTimeout, syncmod.ErrPeerLeft,
		syncmod.ErrHostClosed, syncmod.ErrAborted, syncmod.ErrStopped, syncmod.ErrOpen, syncmod.ErrInvalid,
	}
)

func TestPublicNamesAreStable(t *testing.T) {
	names := []string{string(syncmod.ProtocolID), syncmod.ModuleName, syncmod.ServiceName}

	require.Equal(t, []string{"/charon/dkg/sync/1.0.0/", "dkgsync", "dkgsync"}, names)
	require.Equal(t, []syncmod.Phase{0, 1, 2, 3, 4}, []syncmod.Phase{
		syncmod.Connecting, syncmod.Running, syncmod.Completing, syncmod.Complete, syncmod.Failed,
	})
}
