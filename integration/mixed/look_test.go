package mixed_test

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// rehearsal is our node, operator 0, and processes of another program that wait for it.
// The nodes are not connected yet, so they have to dial each other.
type rehearsal struct {
	*cluster
	variant refpeer.Variant
	hidden  bool // behind a relay
}

// rehearse starts three processes, at their own addresses or behind a relay.
func rehearse(t *testing.T, variant refpeer.Variant, config syncmod.Config, opts ...harness.Option) *rehearsal {
	t.Helper()
	r := &rehearsal{
		cluster: &cluster{
			Cluster: harness.New(t, 4, append(opts, harness.With(config))...),
			t:       t, refs: make(map[int]*refpeer.Peer), ours: []int{0}, theirs: []int{1, 2, 3},
		},
		variant: variant, hidden: len(opts) > 0,
	}
	r.Idle(0)
	for _, i := range r.theirs {
		r.begin(i)
	}
	return r
}

// charons runs a test for both kinds of Charon, in parallel. Pluto gives up on a host
// whose handler comes later than the host.
func charons(t *testing.T, test func(t *testing.T, variant refpeer.Variant)) {
	t.Helper()
	for _, variant := range []refpeer.Variant{refpeer.CharonLike, refpeer.OlderCharonLike} {
		t.Run(variant.String(), func(t *testing.T) {
			t.Parallel()
			test(t, variant)
		})
	}
}

// places are the ways in which the nodes reach each other.
var places = map[string]func(t *testing.T) []harness.Option{
	"direct": func(*testing.T) []harness.Option { return nil },
	"behind a relay": func(t *testing.T) []harness.Option {
		return []harness.Option{harness.Behind(harness.NewRelay(t, time.Hour, 1<<30))}
	},
}

// begin starts a process, which knows the others' addresses. Our node is behind a
// firewall, unless there is a relay.
func (r *rehearsal) begin(i int) {
	r.t.Helper()
	for _, p := range r.Definition(i, r.t.Name()).Peers {
		if p.ID != r.Nodes[0].ID() || r.hidden {
			r.Nodes[i].Host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.PermanentAddrTTL)
		}
	}
	r.reference(i, refpeer.Options{Variant: r.variant, Process: &refpeer.Process{Steps: 3}}).Start()
}

// restart ends a process and starts it again.
func (r *rehearsal) restart(i int) {
	r.t.Helper()
	r.refs[i].Close()
	r.Nodes[i].CloseHost()
	r.Nodes[i].OpenHost()
	for _, j := range r.Except(0, i) { // the process has new addresses
		r.Nodes[j].Host.Peerstore().AddAddrs(r.Nodes[i].ID(), r.Definition(j, r.t.Name()).Peers[i].Addrs,
			peerstore.PermanentAddrTTL)
	}
	r.begin(i)
}

func (r *rehearsal) look() *syncmod.Ceremony {
	r.t.Helper()
	c, err := r.Nodes[0].Service.Open(r.Definition(0, r.t.Name()), syncmod.Observe())
	require.NoError(r.t, err)
	return c
}

// seen waits until the status of every member fulfils a condition.
func (r *rehearsal) seen(c *syncmod.Ceremony, wanted func(syncmod.PeerStatus) bool) {
	r.t.Helper()
	harness.Until(r.t, c, func(s syncmod.Status) bool {
		for _, p := range s.Peers {
			if !wanted(p) {
				return false
			}
		}
		return true
	})
}

func TestARehearsalStaysAtStep0(t *testing.T) {
	for place, opts := range places {
		charons(t, func(t *testing.T, variant refpeer.Variant) {
			t.Run(place, func(t *testing.T) {
				r := rehearse(t, variant, config(), opts(t)...)
				look := r.look()
				r.seen(look, func(p syncmod.PeerStatus) bool {
					return harness.Connected(p) && p.Step == 0 && p.RTT > 0 && p.Version == version && p.Fault == nil &&
						p.Relayed == r.hidden
				})
				require.NoError(t, look.Close(r.Context()))

				for _, i := range r.theirs {
					require.Zero(t, r.refs[i].Announced())
					require.NoError(t, r.refs[i].Err())
				}
				r.restart(3) // nobody minds
				r.Open(t.Name(), 0)
				require.NoError(t, r.Nodes[0].Ceremony.Run(r.Context(), make([]syncmod.Step, 3)...))
				for _, i := range r.theirs {
					require.NoError(t, harness.Next(t, r.refs[i].Exited()))
				}
			})
		})
	}
}

func TestARehearsalOfAnotherVersionIsHarmless(t *testing.T) {
	other := config()
	other.Version = "v1.10"
	charons(t, func(t *testing.T, variant refpeer.Variant) {
		r := rehearse(t, variant, other)
		look := r.look()
		r.seen(look, func(p syncmod.PeerStatus) bool { return p.Outbound && p.Fault != nil })

		for _, p := range look.Status().Peers {
			require.ErrorIs(t, p.Fault, syncmod.ErrVersionMismatch)
		}
		require.NoError(t, look.Close(r.Context()))
		for _, i := range r.theirs {
			require.NoError(t, r.refs[i].Err())
		}
	})
}

// This is what a rehearsal must not do: be connected in both directions. This test shows that the tests above can fail.
func TestTakingPartMakesTheOthersBegin(t *testing.T) {
	for place, opts := range places {
		charons(t, func(t *testing.T, variant refpeer.Variant) {
			t.Run(place, func(t *testing.T) {
				r := rehearse(t, variant, config(), opts(t)...)
				r.Open(t.Name(), 0) // the node announces nothing

				r.seen(r.Nodes[0].Ceremony, func(p syncmod.PeerStatus) bool { return p.Step == 1 })
				for _, i := range []int{1, 2} {
					r.eventually(func() bool { return r.refs[i].Step(r.Nodes[3].ID()) == 1 }, "dave tells the others")
				}

				require.NoError(t, r.Nodes[0].Ceremony.Close(r.Context()))
				r.restart(3)
				select { // the peer that hears of the restart first may end before it has told the other peer
				case err := <-r.refs[1].Exited():
					require.ErrorIs(t, err, refpeer.ErrStep)
				case err := <-r.refs[2].Exited():
					require.ErrorIs(t, err, refpeer.ErrStep)
				case <-time.After(harness.Patience):
					require.Fail(t, "nobody minds")
				}
			})
		})
	}
}

// A rehearsal must not do this either: open a stream of the protocol with another version.
func TestAWrongVersionEndsTheOthers(t *testing.T) {
	other := config()
	other.Version = "v1.10"
	charons(t, func(t *testing.T, variant refpeer.Variant) {
		r := rehearse(t, variant, other)
		r.Open(t.Name(), 0)

		select { // a peer that refuses the node fails, and may end before it has reached the others
		case err := <-r.refs[1].Exited():
			require.Error(t, err)
		case err := <-r.refs[2].Exited():
			require.Error(t, err)
		case err := <-r.refs[3].Exited():
			require.Error(t, err)
		case <-time.After(harness.Patience):
			require.Fail(t, "nobody minds")
		}
	})
}
