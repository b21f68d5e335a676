package syncmod_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// If the host's connection manager trimmed a member, the node would only dial
// it again.
func TestMembersAreProtectedWhileOpen(t *testing.T) {
	for about, end := range map[string]func(t *testing.T, c, partner *syncmod.Ceremony){
		"complete": func(t *testing.T, c, partner *syncmod.Ceremony) { run(t, []*syncmod.Ceremony{c, partner}) },
		"failed here": func(t *testing.T, c, _ *syncmod.Ceremony) {
			c.Abort(errors.New("disk full"))
			require.Error(t, harness.Failure(t, c))
		},
		"failed there": func(t *testing.T, c, partner *syncmod.Ceremony) {
			advance(t, []*syncmod.Ceremony{c, partner})
			partner.Abort(errors.New("disk full"))
			require.Error(t, harness.Failure(t, c))
		},
		"left while it connects": func(*testing.T, *syncmod.Ceremony, *syncmod.Ceremony) {},
	} {
		t.Run(about, func(t *testing.T) {
			h, def, partner := newPair(t)
			service := harness.StartService(t, h, harness.Fast())
			other := def.Peers[1].ID
			c, err := service.Open(def)
			require.NoError(t, err)
			second, err := service.Open(syncmod.Definition{Hash: harness.Hash("another"), Peers: def.Peers})
			require.NoError(t, err)
			require.True(t, h.ConnManager().IsProtected(other, ""))

			end(t, c, partner)
			require.NoError(t, c.Close(harness.Within(t)))
			require.True(t, h.ConnManager().IsProtected(other, ""), "by the second ceremony")
			require.NoError(t, second.Close(harness.Within(t)))

			require.False(t, h.ConnManager().IsProtected(other, ""))
		})
	}
}
