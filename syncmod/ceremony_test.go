package syncmod_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheLongestTimesWork(t *testing.T) {
	const forEver = time.Duration(math.MaxInt64)
	nodes, def := newCluster(t, 2, syncmod.Config{
		ExchangeTimeout: forEver, PeerTimeout: forEver, OpenGrace: forEver, GoodbyeTimeout: forEver,
		BackoffMax: forEver,
	})
	ceremonies := harness.Open(t, nodes, def)

	run(t, ceremonies)
}

func TestAWholeCeremonyRunsOnRealHosts(t *testing.T) {
	nodes, def := newCluster(t, 4, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	ctx := harness.Within(t)
	work := func(context.Context) error { return nil }
	steps := []syncmod.Step{{Name: "one", Run: work}, {Name: "two", Run: work}}

	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Run(ctx, steps...) })

	for _, c := range ceremonies {
		require.Equal(t, syncmod.Complete, c.Status().Phase)
		require.Equal(t, int64(3), c.Status().Step)
	}
}
