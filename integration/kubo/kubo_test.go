package kubo_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

const members = 4

func skipWithoutKubo(t *testing.T) {
	t.Helper()
	if os.Getenv("KUBO_BIN") == "" {
		t.Skip("needs KUBO_BIN: run `make test-kubo`")
	}
}

func TestOfflineCommandsJoinNothing(t *testing.T) {
	skipWithoutKubo(t)
	r := newRepo(t)
	file := filepath.Join(t.TempDir(), "hello")
	require.NoError(t, os.WriteFile(file, []byte("hello\n"), 0o600))
	const added = "added QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN hello\n"
	require.Equal(t, added, r.run(t, "add", file), "without a ceremony")

	r.write(t, t.Name(), []string{r.id(t), newRepo(t).id(t)}, newWork(t), 0)
	require.Equal(t, added, r.run(t, "add", file), "with one")

	r.use(t, filepath.Join(string(r), "missing.json"))
	require.Equal(t, added, r.run(t, "add", file), "with a file that is not there")
}

func TestAMissingFileStopsTheStart(t *testing.T) {
	skipWithoutKubo(t)
	r := newRepo(t)
	file := filepath.Join(string(r), "missing.json")
	r.use(t, file)

	d := start(t, "alice", r)

	d.says("open " + regexp.QuoteMeta(file) + ": no such file or directory")
	<-d.ended
	require.Equal(t, 1, d.cmd.ProcessState.ExitCode())
}

func TestAWaitingDaemonCanBeStopped(t *testing.T) {
	skipWithoutKubo(t)
	r := newRepo(t)
	r.write(t, t.Name(), []string{r.id(t), newRepo(t).id(t)}, newWork(t), 0)
	d := start(t, "alice", r)
	d.ready()
	d.shows("dkgsync_barrier_missing", `dkgsync_barrier_kind="connected"`, "1")

	terminate(t, d)
}

func TestFourDaemonsComplete(t *testing.T) {
	skipWithoutKubo(t)
	w := newWork(t)
	daemons := startAll(t, w)

	first := w.all(1)
	for _, j := range first[1:] {
		close(j.done)
	}
	for _, d := range daemons[1:] {
		d.shows("dkgsync_barrier_missing", `dkgsync_barrier_kind="step"`, "1")
	}
	close(first[0].done)
	for _, j := range w.all(2) {
		close(j.done)
	}

	for _, d := range daemons {
		d.says(`INFO\s+dkgsync\s+ceremony complete\s`)
		d.says("DKG ceremony is complete")
		d.shows("dkgsync_ceremony_duration_seconds_count", "", "1")
		d.shows("dkgsync_step_current", "", "3")
	}
	terminate(t, daemons[:]...)
}

func TestAKilledDaemonIsNamed(t *testing.T) {
	skipWithoutKubo(t)
	w := newWork(t)
	daemons := startAll(t, w)
	w.all(1)
	const victim = 2
	others := append(daemons[:victim:victim], daemons[victim+1:]...)

	daemons[victim].kill()

	for _, d := range others {
		d.says(`operator 2 \(carol\) lost \(3 of 4 connected\)`)
	}
	for _, d := range others {
		d.says(`DKG ceremony did not complete: operator 2 \(carol\) `)
		d.says(`ERROR\s+dkgsync\s+ceremony failed\s.*"error": "operator 2 \(carol\) `)
		d.shows("dkgsync_ceremony_duration_seconds_count", `error_type="peer_(timeout|aborted)"`, "1")
	}
	terminate(t, others...)
}

func TestAStoppedDaemonTellsTheOthers(t *testing.T) {
	skipWithoutKubo(t)
	w := newWork(t)
	daemons := startAll(t, w)
	w.all(1)

	terminate(t, daemons[3])

	for _, d := range daemons[:3] {
		d.says(`DKG ceremony did not complete: operator 3 \(dave\) `)
	}
	terminate(t, daemons[:3]...)
}

// startAll starts the daemons of all members, with a ceremony of these daemons
// only, and connects the daemons.
func startAll(t *testing.T, w *work) (daemons [members]*daemon) {
	t.Helper()
	var repos [members]repo
	var ids []string
	for i := range repos {
		repos[i] = newRepo(t)
		ids = append(ids, repos[i].id(t))
	}
	for i, r := range repos {
		r.write(t, t.Name(), ids, w, i)
	}
	for i, r := range repos {
		daemons[i] = start(t, harness.Name(i), r)
	}
	for _, d := range daemons {
		d.ready()
	}
	for i, d := range daemons {
		for _, to := range daemons[:i] {
			d.connect(to)
		}
	}
	return daemons
}
