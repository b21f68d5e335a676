package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/syncmod"
)

// memberEnv is the environment variable that makes a process a member.
const memberEnv = "DKGSYNC_TEST_MEMBER"

// The commands for a process.
const (
	commandAdvance  = "advance"
	commandComplete = "complete"
)

// Main turns the process into a member if [Cluster.Spawn] started it as one. Otherwise
// it returns at once. In a package that spawns members, TestMain must call it first:
//
//	func TestMain(m *testing.M) {
//		harness.Main()
//		goleak.VerifyTestMain(m)
//	}
func Main() {
	if os.Getenv(memberEnv) == "" {
		return
	}
	if err := runMember(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// member is the app of a process that is a member, together with the state that it
// reports.
type member struct {
	ceremony *syncmod.Ceremony

	mu       sync.Mutex
	out      *json.Encoder
	passed   int64
	returned string
}

// runMember runs an app as the test orders, and obeys commands until the input ends. The
// test is then over.
func runMember(in io.Reader, out io.Writer) error {
	commands := json.NewDecoder(in)
	var o order
	if err := commands.Decode(&o); err != nil {
		return fmt.Errorf("reading what to do: %w", err)
	}
	h, err := o.open()
	if err != nil {
		return fmt.Errorf("opening the host: %w", err)
	}
	logger := logrus.New()
	logger.SetLevel(logrus.DebugLevel)
	m := &member{out: json.NewEncoder(out)}
	app := fx.New(
		fx.Provide(func() host.Host { return h }),
		fx.Supply(logger, o.definition()),
		syncmod.Module,
		syncmod.Configure(o.Config),
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
		fx.Populate(&m.ceremony),
	)
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		return fmt.Errorf("starting the app: %w", err)
	}
	go m.watch(ctx)
	told := make(chan string, 64)
	go func() { // runs one command after the other
		for command := range told {
			m.obey(ctx, command)
		}
	}()
	for {
		var command string
		if commands.Decode(&command) != nil {
			return errors.Join(app.Stop(ctx), h.Close())
		}
		told <- command
	}
}

// open makes the host of the process.
func (o order) open() (host.Host, error) {
	key, err := crypto.UnmarshalPrivateKey(o.Key)
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.ListenAddrStrings(o.Listen),
		libp2p.DisableMetrics(),
		libp2p.DisableRelay(),
	}
	if o.Hidden {
		opts = append(opts, libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return nil }))
	}
	return libp2p.New(opts...)
}

func (o order) definition() syncmod.Definition {
	def := syncmod.Definition{Hash: o.Hash}
	for _, p := range o.Peers {
		def.Peers = append(def.Peers, syncmod.Peer{ID: p.At.ID, Name: p.Name, Addrs: p.At.Addrs})
	}
	return def
}

// obey carries out a command and reports the result.
func (m *member) obey(ctx context.Context, command string) {
	var step int64
	var err error
	switch command {
	case commandAdvance:
		step, err = m.ceremony.Advance(ctx)
	case commandComplete:
		err = m.ceremony.Complete(ctx)
	default:
		err = fmt.Errorf("%q is no command", command)
	}
	m.mu.Lock()
	m.returned = ""
	switch {
	case err != nil:
		m.returned = err.Error()
	case command == commandAdvance:
		m.passed = step
	}
	m.mu.Unlock()
	m.report()
}

func (m *member) watch(ctx context.Context) {
	for range m.ceremony.Watch(ctx) {
		m.report()
	}
}

// report writes the current state.
func (m *member) report() {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.ceremony.Status()
	r := Report{
		Phase:     s.Phase.String(),
		Step:      s.Step,
		Connected: true,
		Passed:    m.passed,
		Returned:  m.returned,
		Culprit:   -1,
	}
	for _, p := range s.Peers {
		r.Connected = r.Connected && p.Inbound && p.Outbound
		r.Waiting = append(r.Waiting, p.Waiting)
	}
	if s.Err != nil {
		r.Error = s.Err.Error()
	}
	if failed, ok := errors.AsType[*syncmod.PeerError](s.Err); ok {
		r.Culprit = failed.Index
	}
	_ = m.out.Encode(r) // if nobody reads it, the test is over
}
