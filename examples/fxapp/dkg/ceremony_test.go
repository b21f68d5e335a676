package dkg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestEveryMemberGetsAShare(t *testing.T) {
	for name, n := range map[string]int{"2 members": 2, "4 members": 4, "10 members": 10} {
		t.Run(name, func(t *testing.T) {
			conf := config(1)
			conf.Heartbeat = time.Second // ten nodes in one process keep the CPU busy
			c := clusterWith(t, conf, n)

			shares := c.complete()

			requireOneKey(t, shares)
			for i, s := range shares {
				require.Equal(t, i, s.Index)
				require.Equal(t, Threshold(n), s.Threshold)
				require.Equal(t, []string{receiptName, shareName}, c.nodes[i].files())
				outcome := c.nodes[i].generator.Outcome()
				require.Equal(t, s.GroupKey, outcome.Share.GroupKey)
				require.Equal(t, filepath.Join(c.nodes[i].dir, shareName), outcome.Path)
				require.NoError(t, outcome.Err)
				require.Empty(t, outcome.Advice())
			}
		})
	}
}

func TestTheReceiptHasTheGroupKey(t *testing.T) {
	c := newCluster(t, 4)
	shares := c.complete()
	for _, n := range c.nodes {
		content, err := os.ReadFile(filepath.Join(n.dir, receiptName))
		require.NoError(t, err)
		receipt, err := syncmod.ParseReceipt(content)
		require.NoError(t, err)
		require.NoError(t, receipt.Verify())
		require.Equal(t, shares[0].GroupKey, receipt.Result())
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	c := newCluster(t, 2)
	c.complete()
	for _, name := range []string{shareName, receiptName} {
		info, err := os.Stat(filepath.Join(c.nodes[0].dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func TestTwoCeremoniesHaveTwoKeys(t *testing.T) {
	c := newCluster(t, 2)
	first := c.complete()
	for _, n := range c.nodes {
		for _, name := range n.files() {
			require.NoError(t, os.Remove(filepath.Join(n.dir, name)))
		}
	}
	second := c.complete()
	require.NotEqual(t, first[0].GroupKey, second[0].GroupKey)
	requireOneKey(t, second)
}

func TestAnEarlyFailureLeavesNothing(t *testing.T) {
	c := newCluster(t, 2)
	n := c.nodes[1]
	written := []string{}
	n.change = func(_ *attempt, steps []syncmod.Step) []syncmod.Step {
		return afterPhase(phases, steps, func() error {
			written = n.files()
			return errors.New("out of coffee")
		})
	}
	for i, err := range c.runAll() {
		require.ErrorContains(t, err, "out of coffee", harness.Name(i))
	}
	require.Len(t, written, 1)
	require.Empty(t, n.files())
	require.Equal(t, Outcome{}, n.generator.Outcome())
}

func TestALateFailureKeepsTheShare(t *testing.T) {
	c := newCluster(t, 2)
	c.nodes[1].change = func(_ *attempt, steps []syncmod.Step) []syncmod.Step {
		steps[responses].Run = nil // it attests nothing: both find that out at the last barrier
		return steps
	}
	for i, err := range c.runAll() {
		require.ErrorIs(t, err, syncmod.ErrResultMismatch, harness.Name(i))
	}
	n := c.nodes[0]
	require.Len(t, n.files(), 1)
	outcome := n.generator.Outcome()
	require.Equal(t, filepath.Join(n.dir, n.files()[0]), outcome.Path)
	require.Nil(t, outcome.Share)
	require.Contains(t, outcome.Advice(), "the share in "+outcome.Path+" is unconfirmed")
	require.Contains(t, n.log.String(), "ask them for a receipt")
	_, err := ReadShare(n.dir)
	require.ErrorContains(t, err, "no receipt confirms the share in it")
}

func TestTheEndPreventsAShare(t *testing.T) {
	c := newCluster(t, 2)
	share := newFinished(t, 2).shares[0]
	n := c.nodes[1]
	late := make(chan error, 1)
	n.change = func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		steps[responses].Run = func(context.Context) error {
			a.ceremony.Abort(errors.New("out of coffee"))
			n.generator.following.Wait() // the generator handles the end while the step still runs
			late <- a.store(share)
			return nil
		}
		return steps
	}
	for i, err := range c.runAll() {
		require.ErrorContains(t, err, "out of coffee", harness.Name(i))
	}
	require.ErrorContains(t, harness.Next(t, late), "out of coffee")
	require.Empty(t, n.files())
}
