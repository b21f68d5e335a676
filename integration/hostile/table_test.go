package hostile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// attack is what a member does to one node, alice, in a running ceremony, and the
// outcome.
type attack struct {
	name    string
	foreign bool // dave has no session, like members that run other implementations
	do      func(t testing.TB, m *member) (gets string)

	gets  string
	fails error // the error of alice's ceremony; nil: it goes on
	names int   // the member that alice names then; the zero value is dave
}

const herself = -1 // the value of attack.names that means alice

// most is how many bytes an attack may cost. libp2p lets the window of a stream grow to
// 16 MiB, and this process holds both ends.
const most = 24 * mebi

// impatient returns a configuration in which a silent stream dies soon, but a lost
// member is given up late.
func impatient() syncmod.Config {
	config := harness.Fast()
	config.ExchangeTimeout = time.Second
	config.PeerTimeout = harness.Patience
	return config
}

func TestTableOfAttacks(t *testing.T) {
	attacks := slices.Concat(frames, requests, texts, responses)
	rows := make([]string, len(attacks))
	t.Run("attacks", func(t *testing.T) {
		for i, a := range attacks {
			t.Run(a.name, func(t *testing.T) { rows[i] = a.run(t) })
		}
	})
	t.Logf("\n| what a member does | what it gets | the ceremony | peak memory |\n|---|---|---|---|\n%s",
		strings.Join(rows, "\n"))
}

// places limits how many clusters may run at the same time. While the cost of an
// attack is measured, all others stand still.
var (
	places = make(chan struct{}, 3)
	still  sync.RWMutex
)

// run plays an attack. It checks what the attack gets and costs, how the ceremony ends,
// and that the nodes can still be stopped.
func (a attack) run(t *testing.T) (row string) {
	t.Parallel()
	places <- struct{}{}
	t.Cleanup(func() { <-places })
	m := a.prepare(t)
	gets, cost := a.measure(t, m)
	require.Equal(t, a.gets, gets)
	require.Less(t, cost, int64(most))

	still.RLock()
	defer still.RUnlock()
	became := a.requireOutcome(t, m)
	m.requireClean(t)
	m.requireStops(t)
	return fmt.Sprintf("| %s | %s | %s | %s |", a.name, gets, became, size(cost))
}

func (a attack) prepare(t *testing.T) *member {
	still.RLock()
	defer still.RUnlock()
	if a.foreign {
		return running(t, impatient(), foreign)
	}
	return running(t, impatient(), session)
}

func (a attack) measure(t *testing.T, m *member) (gets string, cost int64) {
	still.Lock()
	defer still.Unlock()
	costs := peak()
	defer func() { cost = costs() }()
	return a.do(t, m), 0
}

func (a attack) requireOutcome(t *testing.T, m *member) string {
	t.Helper()
	if a.fails == nil {
		m.requireGoesOn(t)
		return "goes on"
	}
	named := map[int]int{0: dave, herself: alice, bob: bob}[a.names]
	require.ErrorIs(t, m.Failure(alice), a.fails)
	for _, i := range honest {
		failed := m.Failure(i)
		// An error in a response does not say who is to blame.
		if i != alice && errors.Is(a.fails, syncmod.ErrPeerRejected) {
			require.ErrorContains(t, failed, "operator 3 (dave) refused this node", harness.Name(i))
			continue
		}
		require.Equal(t, named, harness.Culprit(t, failed).Index, "%s: %v", harness.Name(i), failed)
	}
	blamed := map[int]string{alice: "the victim", bob: "another", dave: "it"}[named]
	return fmt.Sprintf("fails, naming %s: %s", blamed, sentinel(m.Failure(alice)))
}

// requireGoesOn takes the ceremony through the next barrier. dave behaves again.
func (m *member) requireGoesOn(t testing.TB) {
	t.Helper()
	again := m.hook.Load()
	m.behave()
	m.enter(t, 2)
	m.Advance(honest...)
	m.Until(alice, func(s syncmod.Status) bool { return harness.Connected(s.Peers[dave-1]) })
	m.hook.Store(again)
}

// requireStops stops the nodes while dave still attacks.
func (m *member) requireStops(t testing.TB) {
	t.Helper()
	elapsed := harness.Stopwatch(t)
	m.Stop(honest...)
	require.Less(t, elapsed(), time.Second)
}

// sentinel names the error of package syncmod behind a failure.
func sentinel(err error) string {
	for _, s := range []error{
		syncmod.ErrVersionMismatch, syncmod.ErrBadSignature, syncmod.ErrMembersMismatch,
		syncmod.ErrPeerRestarted, syncmod.ErrSelfRestarted, syncmod.ErrStepSkipped, syncmod.ErrLeftBehind,
		syncmod.ErrPeerRejected, syncmod.ErrPeerAborted, syncmod.ErrPeerTimeout, syncmod.ErrPeerLeft,
	} {
		if errors.Is(err, s) {
			return s.Error()
		}
	}
	return err.Error()
}
