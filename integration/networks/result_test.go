package networks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

// The circuit ends again and again while members attest results.
func TestResultsOutliveCircuits(t *testing.T) {
	c := harness.New(t, 3, harness.Behind(harness.NewRelay(t, time.Second, much)), harness.With(patient()))
	c.Start()
	c.Advance(c.All()...)
	for _, n := range c.Nodes {
		require.NoError(t, n.Ceremony.Attest([]byte("the key")))
	}

	c.Complete(c.All()...)

	receipt := c.Nodes[0].Ceremony.Receipt()
	require.NoError(t, receipt.Verify())
	for _, n := range c.Nodes {
		require.Equal(t, receipt, n.Ceremony.Receipt(), harness.Name(n.Index))
	}
}
