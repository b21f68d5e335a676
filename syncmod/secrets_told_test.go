package syncmod_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
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

func TestAnEmptyReasonIsToldAsSuch(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	empty := errors.New("")

	first := harness.Open(t, nodes, def)
	advance(t, first)
	first[0].Abort(empty)
	<-first[1].Done()
	require.ErrorIs(t, first[0].Err(), empty)
	require.ErrorContains(t, first[1].Err(), "gave up: no reason given")
	for _, c := range first {
		require.NoError(t, c.Close(t.Context()))
	}

	second := harness.Open(t, nodes, def)
	var running sync.WaitGroup
	running.Go(func() {
		_ = second[0].Run(t.Context(), syncmod.Step{Name: "keys", Run: func(context.Context) error { return empty }})
	})
	_, _ = second[1].Advance(t.Context()) // the failure may come before the barrier is passed here
	<-second[1].Done()
	running.Wait()
	require.ErrorContains(t, second[1].Err(), "no reason given")
}
