package dkg

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Else the first that gives up is blamed, and not the member that is gone.
func TestAFetchOutlastsAMemberThatIsGone(t *testing.T) {
	require.Greater(t, fetchTimeout, syncmod.DefaultConfig().PeerTimeout)
}
