package syncmod_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/syncmod"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAWholeCeremonyRunsOnRealHosts(t *testing.T) {
	nodes, def := newCluster(t, 4, fast())
	ceremonies := open(t, nodes, def)
	ctx := within(t)
	steps := []syncmod.Step{{Name: "one", Run: func(context.Context) error { return nil }}, {Name: "two", Run: func(context.Context) error { return nil }}}

	errs := everyone(ceremonies, func(_ int, c *syncmod.Ceremony) error { return c.Run(ctx, steps...) })

	requireNone(t, errs)
	for _, c := range ceremonies {
		require.Equal(t, syncmod.Complete, c.Status().Phase)
		require.Equal(t, int64(3), c.Status().Step)
	}
}
