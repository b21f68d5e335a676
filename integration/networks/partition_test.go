package networks_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// faults are the ways in which a link fails.
var faults = map[string]func(*harness.Link){"cut": (*harness.Link).Cut, "frozen": (*harness.Link).Freeze}

func TestAHealedPartitionFailsNobody(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := patient()
			config.ExchangeTimeout = time.Second // nodes notice a frozen link by this timeout
			c := harness.New(t, 4, harness.Links(), harness.With(config))
			c.Start()
			c.Advance(c.All()...)
			between := c.Between([]int{0, 1}, []int{2, 3})

			for _, l := range between {
				fault(l)
			}
			for _, i := range c.All() {
				c.Until(i, func(s syncmod.Status) bool { return lost(s) == 2 }) // both members of the other side
			}
			for _, l := range between {
				l.Heal()
			}

			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

func TestALastingPartitionFailsBoth(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := harness.Fast()
			config.ExchangeTimeout, config.PeerTimeout = 3*time.Second, 8*time.Second
			c := harness.New(t, 4, harness.Links(), harness.With(config))
			c.Start()
			c.Advance(c.All()...)

			for _, l := range c.Between([]int{0, 1}, []int{2, 3}) {
				fault(l)
			}

			noticed := make(map[int]int) // by side
			for _, i := range c.All() {
				err := c.Failure(i)
				require.NotEqual(t, i/2, harness.Culprit(t, err).Index/2, "%s: %v", harness.Name(i), err)
				if errors.Is(err, syncmod.ErrPeerTimeout) {
					noticed[i/2]++
					continue
				}
				require.ErrorIs(t, err, syncmod.ErrPeerAborted, harness.Name(i)) // the other node of this side told it
			}
			require.Len(t, noticed, 2)
		})
	}
}

func TestOneWayIsEnoughToConnect(t *testing.T) {
	t.Parallel()
	for name, up := range map[string]func(i, j int) bool{
		"the lower index can dial":  func(i, j int) bool { return i < j },
		"the higher index can dial": func(i, j int) bool { return i > j },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := harness.New(t, 3, harness.Links(), harness.With(patient()))
			for _, i := range c.All() {
				for _, j := range c.Except(i) {
					if !up(i, j) {
						c.Link(i, j).Cut()
					}
				}
			}
			c.Start()
			c.Advance(c.All()...)

			for _, l := range c.Between(c.All(), c.All()) {
				l.Drop() // also while the ceremony is running
			}

			untilEach(c, func(p syncmod.PeerStatus) bool { return p.Reconnects > 0 && harness.Connected(p) })
			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

// lost returns how many members are gone.
func lost(s syncmod.Status) (n int) {
	for _, p := range s.Peers {
		if gone(p) {
			n++
		}
	}
	return n
}
