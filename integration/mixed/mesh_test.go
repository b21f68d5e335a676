package mixed_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/syncmod"
)

// A reference peer says nothing about the others. Our nodes still show what each of them says about the reference peer.
func TestOurNodesSeeAPeerThroughOthers(t *testing.T) {
	forEach(t, func(t *testing.T, variant refpeer.Variant) {
		c := newCluster(t, 2, []refpeer.Variant{variant})
		c.start()

		c.Until(0, func(s syncmod.Status) bool {
			view := s.Peers[0].View
			return len(view) > 2 && view[2].Inbound && view[2].Outbound
		})

		require.Nil(t, c.Nodes[0].Ceremony.Status().Peers[1].View)
		c.advance(c.All()...)
		c.finish(c.All()...)
	})
}
