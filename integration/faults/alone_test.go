package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// For the faults in this file, the error of one wait shows what is wrong.

// open opens a ceremony of all hosts on a node.
func (s *scene) open(who int) *syncmod.Ceremony {
	s.t.Helper()
	n := s.nodes[who]
	c, err := harness.StartService(s.t, n.host, n.config).Open(n.def)
	require.NoError(s.t, err)
	return c
}

// waitFor waits until says(text) is true for the error of a node's wait.
func (s *scene) waitFor(c *syncmod.Ceremony, says func(string) bool) string {
	s.t.Helper()
	for patience := harness.Within(s.t); ; {
		ctx, cancel := context.WithTimeout(patience, 200*time.Millisecond)
		err := c.AwaitConnected(ctx)
		cancel()
		require.Error(s.t, err)
		if patience.Err() != nil {
			require.FailNow(s.t, "it never says so", "%v", err)
		}
		if says(err.Error()) {
			return err.Error()
		}
	}
}

func connect(t *testing.T, ceremonies []*syncmod.Ceremony) {
	t.Helper()
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
}

func TestAFastClockChangesNothing(t *testing.T) {
	s := newScene(t)
	s.nodes[carol].options = append(s.nodes[carol].options, clockAhead(30*time.Minute))
	s.openHosts()
	ceremonies := []*syncmod.Ceremony{s.open(alice), s.open(bob), s.open(carol)}

	connect(t, ceremonies)
}

// If one address gets no answer at all, libp2p drops the errors of the other addresses.
func TestADeadAddressDoesNotHideOthers(t *testing.T) {
	s := newScene(t)
	s.openHosts()
	require.NoError(t, s.nodes[carol].host.Close())
	nobody := at("/ip4/127.0.0.2/udp/4/quic-v1")
	s.addressed(carol, s.nodes[carol].addrs[0], nobody, at("/dns4/carol.dkg-cluster.invalid/tcp/3610"))

	said := s.waitFor(s.open(alice), func(text string) bool { return strings.Contains(text, "dial timeout") })

	require.Contains(t, said, s.nodes[carol].addrs[0].String()+": connection refused: nothing listens there")
	require.Contains(t, said, "/dns4/carol.dkg-cluster.invalid/tcp/3610: its name does not resolve here")
	require.Contains(t, said, nobody.String())
}

func TestEqualNamesAreToldApart(t *testing.T) {
	s := newScene(t)
	s.openHosts()
	for i := range s.nodes {
		s.nodes[alice].def.Peers[i].Name, s.nodes[alice].def.Peers[i].Addrs = "validator", nil
	}

	said := s.waitFor(s.open(alice), func(text string) bool {
		return strings.Contains(text, "no address of it is known")
	})

	require.Contains(t, said, "operator 1 (validator) (unreachable")
	require.Contains(t, said, "operator 2 (validator) (unreachable")
}

func TestAClosedHostBlamesNobody(t *testing.T) {
	for _, step := range []int{0, 1} {
		s := newScene(t)
		s.openHosts()
		ceremonies := []*syncmod.Ceremony{s.open(alice), s.open(bob), s.open(carol)}
		connect(t, ceremonies)
		for range step {
			harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error {
				_, err := c.Advance(harness.Within(t))
				return err
			})
		}
		elapsed := harness.Stopwatch(t)

		require.NoError(t, s.nodes[bob].host.Close())

		harness.Next(t, ceremonies[bob].Done())
		require.Less(t, elapsed(), s.nodes[bob].config.PeerTimeout)
		require.ErrorIs(t, ceremonies[bob].Err(), syncmod.ErrHostClosed)
		var blamed *syncmod.PeerError
		require.NotErrorAs(t, ceremonies[bob].Err(), &blamed)
		require.NoError(t, ceremonies[alice].Err(), "the others go on waiting, for a while")
	}
}
