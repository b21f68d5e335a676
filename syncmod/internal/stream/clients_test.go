package stream

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnEndedHalfIsNotStuck(t *testing.T) {
	s := newSteady(t)
	clients := NewClients(s.cfg, s.ceremony.Broken)
	require.NoError(t, clients.Start())
	require.NoError(t, clients.Stop(t.Context()))
	over, cancel := context.WithCancel(t.Context())
	cancel()

	for range 20 {
		require.NoError(t, clients.Stop(over))
	}
}
