package syncmod_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestASecondRunDoesNotTouchTheFirst(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	var second error
	step := syncmod.Step{Name: "work", Run: func(ctx context.Context) error {
		second = ceremonies[0].Run(ctx, syncmod.Step{Name: "other work"})
		return nil
	}}
	done := make(chan error, 1)
	go func() { done <- ceremonies[1].Run(harness.Within(t), syncmod.Step{Name: "work"}) }()

	require.NoError(t, ceremonies[0].Run(harness.Within(t), step))

	require.NoError(t, harness.Next(t, done))
	require.ErrorIs(t, second, syncmod.ErrInvalid)
	require.ErrorContains(t, second, "this ceremony is already being run")
}
