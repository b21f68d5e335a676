package dkg

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// disk mounts a file system. That needs root.
func disk(t *testing.T, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,"+options); err != nil {
		t.Skip("mounting a file system: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// fill fills a disk completely.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "everything"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func TestAFullDiskIsRefused(t *testing.T) {
	dir := disk(t, "size=32k")
	_, err := OpenStore(dir, syncmod.Definition{})
	require.EqualError(t, err, "data directory "+dir+": cannot write .probe: no space left on device: "+
		"make room on the disk, and start again")
	require.Empty(t, names(t, dir))
}

func TestAReadOnlyDiskIsRefused(t *testing.T) {
	dir := disk(t, "size=1m")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err := OpenStore(dir, syncmod.Definition{})
	require.EqualError(t, err, "data directory "+dir+": cannot write .probe: read-only file system: "+
		"use a directory on a disk that can be written to")
}

func TestAFullDiskFailsTheAttempt(t *testing.T) {
	c := clusterWith(t, config(3), 2)
	full := disk(t, "size=1m")
	n := c.nodes[bob]
	n.dir = full
	n.generator.store.dir = full
	n.change = func(_ *attempt, steps []syncmod.Step) []syncmod.Step {
		work := steps[responses].Run
		steps[responses].Run = func(ctx context.Context) error {
			fill(t, full)
			return work(ctx)
		}
		return steps
	}
	ctx, cancel := context.WithCancel(within(t))
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = c.nodes[alice].run(ctx) // alice waits for bob to begin again
	}()

	_, err := n.run(ctx)

	require.ErrorContains(t, err, "no space left on device: make room on the disk, and start again")
	require.NotContains(t, err.Error(), "attempt ", "another attempt would not mend it")
	require.Equal(t, []string{"everything"}, n.files())
	cancel()
	harness.Next(t, over)
	_, err = ReadShare(c.nodes[alice].dir)
	require.Error(t, err, "she may have announced the last barrier: then she keeps a share that nothing uses")
}

func TestAFullDiskKeepsTheShare(t *testing.T) {
	c := newCluster(t, 2)
	full := disk(t, "size=1m")
	n := c.nodes[bob]
	n.dir = full
	n.generator.store.dir = full
	n.change = func(_ *attempt, steps []syncmod.Step) []syncmod.Step {
		return afterPhase(phases, steps, func() error {
			fill(t, full)
			return nil
		})
	}
	for i, err := range c.runAll() {
		require.NoError(t, err, harness.Name(i))
	}
	outcome := n.generator.Outcome()
	require.ErrorContains(t, outcome.Err, "the ceremony is complete, but the share is not confirmed: ")
	require.ErrorContains(t, outcome.Err, "no space left on device")
	require.ErrorContains(t, n.generator.Stop(t.Context()), "no space left on device")

	require.NoError(t, os.Remove(filepath.Join(full, "everything")))
	held, err := look(c.nodes[alice].dir)
	require.NoError(t, err)
	mended, err := Confirm(full, held.receipt)
	require.NoError(t, err)
	requireOneKey(t, []*Share{held.share, mended})
}
