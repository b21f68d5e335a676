package dkg

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// The fetch timeout must be longer than PeerTimeout. Otherwise the others would blame the
// node that gives up first, and not the member that is gone.
func TestAFetchOutlastsPeerTimeout(t *testing.T) {
	require.Greater(t, fetchTimeout, syncmod.DefaultConfig().PeerTimeout)
}
