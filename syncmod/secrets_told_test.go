package syncmod_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// The node's own operator sees the whole reason.
func TestOthersAreToldNoSecrets(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	advance(t, ceremonies)
	reason := `Get "https://bob:hunter2@beacon.example:5052/eth/v1/node/syncing?token=hunter2": EOF`

	ceremonies[0].Abort(errors.New(reason))

	<-ceremonies[1].Done()
	require.ErrorContains(t, ceremonies[0].Err(), reason)
	require.NotContains(t, ceremonies[1].Err().Error(), "hunter2")
	require.ErrorContains(t, ceremonies[1].Err(), "https://beacon.example:5052/eth/v1/node/syncing")
}
