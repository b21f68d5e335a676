package peers_test

import (
	"fmt"
	"testing"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestOneDiallerIsEnough(t *testing.T) {
	for name, cannot := range map[string]func(from, to int) bool{
		"the lower index":  func(from, to int) bool { return from > to },
		"the higher index": func(from, to int) bool { return from < to },
		"around a ring":    func(from, to int) bool { return to == (from+1)%3 },
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3, harness.Links())
			cutEvery(c, cannot)
			c.Start()

			c.Advance(c.All()...)
			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

func TestOneWayDialsAreRepeated(t *testing.T) {
	for _, can := range []int{0, 1} {
		t.Run(fmt.Sprintf("operator %d dials", can), func(t *testing.T) {
			c := harness.New(t, 2, harness.Links(), harness.With(harness.Patient()))
			c.Link(1-can, can).Cut()
			c.Start()
			c.Advance(c.All()...)

			c.Link(can, 1-can).Drop()
			untilAll(c, c.All(), func(s syncmod.Status) bool { return s.Peers[0].Reconnects > 0 && s.Peers[0].Inbound })

			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

// A node that nobody can dial takes part, and so does one that cannot dial anybody.
func TestAWalledMemberTakesPart(t *testing.T) {
	for name, cannot := range map[string]func(from, to int) bool{
		"nobody can dial it": func(_, to int) bool { return to == 1 },
		"it can dial nobody": func(from, _ int) bool { return from == 1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, 3, harness.Links())
			cutEvery(c, cannot)
			c.Start()

			c.Advance(c.All()...)
			c.Complete(c.All()...)
		})
	}
}

// cutEvery cuts each link on which a node must not dial another.
func cutEvery(c *harness.Cluster, cannot func(from, to int) bool) {
	for _, from := range c.All() {
		for _, to := range c.Except(from) {
			if cannot(from, to) {
				c.Link(from, to).Cut()
			}
		}
	}
}
