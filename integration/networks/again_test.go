package networks_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// The circuit ends again and again while the members begin again.
func TestAttemptsThroughARelay(t *testing.T) {
	c := harness.New(t, 3, harness.Behind(harness.NewRelay(t, time.Second, much)))
	config := patient()
	config.Retry = syncmod.Retry{Attempts: 3, Pause: 100 * time.Millisecond}
	receipts, errs := make([]*syncmod.Receipt, 3), make([]error, 3)
	var running sync.WaitGroup
	for i, n := range c.Nodes {
		s := harness.StartService(t, n.Host, config)
		running.Go(func() {
			receipts[i], errs[i] = s.Run(t.Context(), c.Definition(i, t.Name()), failsFirst(i == 1))
		})
	}
	running.Wait()

	for i, err := range errs {
		require.NoError(t, err, harness.Name(i))
		require.NoError(t, receipts[i].Verify())
		require.Equal(t, receipts[0], receipts[i])
	}
}

// failsFirst makes the steps of a member. If wrong is true, the first attempt fails.
func failsFirst(wrong bool) func(*syncmod.Ceremony) ([]syncmod.Step, error) {
	return func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		return []syncmod.Step{{Name: "work", Run: func(context.Context) error {
			if wrong && c.Status().Attempt == 1 {
				return errors.New("disk full")
			}
			return c.Attest([]byte("the key"))
		}}}, nil
	}
}
