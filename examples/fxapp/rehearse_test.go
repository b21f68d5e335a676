package main

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/syncmod"
)

// ended says how a program ended.
type ended struct {
	code           int
	stdout, stderr string
}

// begin starts the program. It returns a function that interrupts the program, and another that
// waits for its end.
func begin(t *testing.T, args ...string) (interrupt func(), result func() ended) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(aMinute(t))
	var out, errs bytes.Buffer
	var e ended
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.code = run(ctx, args, &out, &errs)
		e.stdout, e.stderr = out.String(), errs.String()
	}()
	result = sync.OnceValue(func() ended { <-done; return e })
	t.Cleanup(func() {
		cancel(nil)
		result()
	})
	return func() { cancel(interruption{2}) }, result
}

// rehearse returns the command line of a member's rehearsal.
func (s *site) rehearse(name string, more ...string) []string {
	return s.node(name, append([]string{"--rehearse"}, more...)...)
}

// bobTakesPart lets bob take part in this process, without the work.
func (s *site) bobTakesPart(t *testing.T, config syncmod.Config) *syncmod.Ceremony {
	t.Helper()
	key, err := clusterfile.ReadKey(s.file("bob.key"))
	require.NoError(t, err)
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings(s.listen["bob"]), libp2p.DisableMetrics())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	service, err := syncmod.NewService(h, config)
	require.NoError(t, err)
	require.NoError(t, service.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, service.Stop(context.Background())) })
	d, err := clusterfile.ReadDefinition(s.file("ceremony.json"))
	require.NoError(t, err)
	c, err := service.Open(d)
	require.NoError(t, err)
	return c
}

func TestARealNodeFollowsARehearsal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, bob := begin(t, s.node("bob")...)

	code, stdout, stderr := execute(t, s.rehearse("alice", "--timeout", "50s")...)

	require.Zero(t, code, stdout+stderr)
	require.Regexp(t, `1 bob +direct +v1\.0 +bob +fits +ok +[\d.]+(µ|m)s +0 +│`, stdout)
	require.Contains(t, stdout, "the rehearsal changed nothing in the cluster: this node took no part")
	require.Contains(t, stdout, "all 2 members are ready")
	require.NoDirExists(t, s.file("alice"))
	code, _, stderr = execute(t, s.node("alice")...)
	require.Zero(t, code, stderr)
	require.Zero(t, bob().code, bob().stderr)
}

func TestRehearsalsSeeEachOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, bob := begin(t, s.rehearse("bob", "--timeout", "50s")...)

	code, stdout, stderr := execute(t, s.rehearse("alice", "--timeout", "50s")...)

	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "nothing; it is rehearsing too")
	require.Zero(t, bob().code, bob().stdout+bob().stderr)
}

func TestARehearsalNamesTheMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	code, stdout, stderr := execute(t, s.rehearse("alice", "--timeout", "500ms")...)

	require.Equal(t, exitFailed, code)
	require.Regexp(t, `1 bob +– +– +– +– +– +– +– +unreachable for `, stdout)
	require.Contains(t, s.requireOneSentence(t, stderr), "1 of 2 members are not ready: operator 1 (bob); "+
		"the table above says what is wrong with each: have it fixed, then rehearse again")
}

func TestARehearsalFindsFaults(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.bobTakesPart(t, syncmod.Config{Version: "v1.9"})

	code, stdout, stderr := execute(t, s.rehearse("alice", "--version", "v1.11", "--timeout", "50s")...)

	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "runs v1.9, this node runs v1.11")
	require.Contains(t, s.requireOneSentence(t, stderr), "1 of 2 members are not ready")
	require.NoError(t, c.Err())
}

func TestARehearsalLeavesACeremony(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.bobTakesPart(t, syncmod.Config{})
	require.NoError(t, c.SetStep(1))

	code, stdout, stderr := execute(t, s.rehearse("alice", "--watch")...)

	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "CAREFUL: operator 1 (bob) is at step 1, so the real ceremony is running")
	require.Contains(t, s.requireOneSentence(t, stderr), "the real ceremony has begun, so this rehearsal left at once")
}

func TestAWatchShowsChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	interrupt, alice := begin(t, s.rehearse("alice", "--watch", "--log-format", "json")...)

	c := s.bobTakesPart(t, syncmod.Config{Nickname: "Bob himself"})
	for status := range c.Watch(aMinute(t)) {
		if strings.Contains(status.Peers[0].Waiting, "only looks") {
			break
		}
	}
	interrupt()

	require.Equal(t, 130, alice().code, alice().stderr)
	var last struct {
		Peers []struct {
			Name, Nickname string
			Inbound        bool
		}
	}
	lines := strings.Split(strings.TrimSpace(alice().stdout), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Equal(t, "bob", last.Peers[0].Name)
	require.Equal(t, "Bob himself", last.Peers[0].Nickname)
	require.Greater(t, len(lines), 1)
}

func TestAWatchNeedsARehearsal(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	code, _, stderr := execute(t, s.node("alice", "--watch")...)

	require.Equal(t, exitUsage, code)
	require.Equal(t, "--watch works only with --rehearse", s.requireOneSentence(t, stderr))
}

func TestAWatchKeepsAPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const changes = 1000
		at := func(n int64) syncmod.Status { return syncmod.Status{Peers: []syncmod.PeerStatus{{Step: n}}} }
		var newest atomic.Int64
		flapping := func(ctx context.Context) iter.Seq[syncmod.Status] {
			return func(yield func(syncmod.Status) bool) {
				for ctx.Err() == nil && yield(at(newest.Load())) {
					sleep(t.Context(), time.Millisecond)
				}
			}
		}
		var out bytes.Buffer
		r := &rehearsal{out: &out, format: jsonFormat}

		stop := r.printAtAPace(t.Context(), flapping)
		for range changes {
			newest.Add(1)
			sleep(t.Context(), time.Millisecond)
		}
		sleep(t.Context(), showPause)
		stop()

		shown := strings.Count(out.String(), "\n")
		require.LessOrEqual(t, shown, 4, "in 1.5 s")
		require.Greater(t, shown, 1)
		require.False(t, r.print(at(changes)), "the last is shown")
	})
}
