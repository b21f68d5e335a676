package harness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Fast returns a configuration for tests, with shorter times than the defaults.
func Fast() syncmod.Config {
	return syncmod.Config{
		Heartbeat: 50 * time.Millisecond, ExchangeTimeout: 2 * time.Second, PeerTimeout: 2 * time.Second,
		OpenGrace: 500 * time.Millisecond, GoodbyeTimeout: 5 * time.Second,
		BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
	}
}

// Patient returns [Fast] with a PeerTimeout of [Patience], for tests in which members
// come and go.
func Patient() syncmod.Config {
	config := Fast()
	config.PeerTimeout = Patience
	return config
}

// Quiet returns a logger that discards its lines.
func Quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// Hash returns a definition hash for a text.
func Hash(about string) []byte {
	hash := sha256.Sum256([]byte(about))
	return hash[:]
}

// Name returns the name of operator i.
func Name(i int) string {
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint("node", i)
}

// Define returns a definition whose members are the given hosts.
func Define(about string, hosts ...host.Host) syncmod.Definition {
	def := syncmod.Definition{Hash: Hash(about)}
	for i, h := range hosts {
		def.Peers = append(def.Peers, syncmod.Peer{ID: h.ID(), Name: Name(i), Addrs: h.Addrs()})
	}
	return def
}

// StartService starts a service on a host, without fx.
func StartService(t testing.TB, h host.Host, config syncmod.Config) *syncmod.Service {
	t.Helper()
	s, err := syncmod.NewService(h, config, syncmod.WithLogger(Quiet()))
	require.NoError(t, err)
	require.NoError(t, s.Start(context.Background()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		assert.NoError(t, s.Stop(ctx))
	})
	return s
}

// Open opens a definition on the given nodes, whose apps must be running.
func Open(t testing.TB, nodes []*Node, def syncmod.Definition) []*syncmod.Ceremony {
	t.Helper()
	ceremonies := make([]*syncmod.Ceremony, len(nodes))
	for i, n := range nodes {
		ceremonies[i] = n.Open(t, def)
	}
	return ceremonies
}

// Everyone calls f for all ceremonies at the same time, and returns the errors.
func Everyone(ceremonies []*syncmod.Ceremony, f func(*syncmod.Ceremony) error) []error {
	return each(ceremonies, f)
}

func each[T any](all []T, f func(T) error) []error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() { errs[i] = f(one) })
	}
	wg.Wait()
	return errs
}

// RequireEach calls f for all ceremonies at the same time, and requires that no call
// returns an error.
func RequireEach(t testing.TB, ceremonies []*syncmod.Ceremony, f func(*syncmod.Ceremony) error) {
	t.Helper()
	for i, err := range Everyone(ceremonies, f) {
		require.NoError(t, err, Name(i))
	}
}

// Until watches a ceremony until wanted accepts its status, and returns that status.
func Until(t testing.TB, c *syncmod.Ceremony, wanted func(syncmod.Status) bool) syncmod.Status {
	t.Helper()
	return until(t, "it", c, wanted)
}

func until(t testing.TB, whose string, c *syncmod.Ceremony, wanted func(syncmod.Status) bool) syncmod.Status {
	t.Helper()
	var last syncmod.Status
	for last = range c.Watch(Within(t)) {
		if wanted(last) {
			return last
		}
	}
	require.Failf(t, "the ceremony never had the wanted status", "the last status of %s: %+v", whose, last)
	return last
}

// Connected reports whether a member is connected in both directions.
func Connected(p syncmod.PeerStatus) bool { return p.Inbound && p.Outbound }

// In returns a function that reports whether a ceremony is in the given phase.
func In(phase syncmod.Phase) func(syncmod.Status) bool {
	return func(s syncmod.Status) bool { return s.Phase == phase }
}

// Failure waits until a ceremony has failed, and returns the error.
func Failure(t testing.TB, c *syncmod.Ceremony) error {
	t.Helper()
	return failure(t, "it", c)
}

func failure(t testing.TB, whose string, c *syncmod.Ceremony) error {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(Patience):
		require.Failf(t, "the ceremony goes on", "%s: %+v", whose, c.Status())
	}
	require.Error(t, c.Err(), whose)
	return c.Err()
}

// Culprit returns the part of a failure that names a member.
func Culprit(t testing.TB, err error) *syncmod.PeerError {
	t.Helper()
	failed, ok := errors.AsType[*syncmod.PeerError](err)
	require.True(t, ok, "the failure names nobody: %v", err)
	return failed
}
