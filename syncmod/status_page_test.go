package syncmod_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestWaitingForIsTheWaitError(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	c := harness.Open(t, nodes[:1], def)[0]
	err := c.AwaitConnected(briefly(t))
	var failed *syncmod.WaitError
	require.ErrorAs(t, err, &failed)

	wait := c.Status().WaitingFor()

	require.Equal(t, "connected", wait.Barrier)
	require.Equal(t, []int{1, 2}, []int{wait.Missing[0].Index, wait.Missing[1].Index})
	require.False(t, wait.Since.IsZero())
	require.Equal(t, failed.Since, wait.Since)
	require.Contains(t, wait.Error(), "waiting for 2 of 3 to connect: bob (")
	require.NoError(t, wait.Unwrap())
}

func TestAWorkingNodeWaitsForNobody(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { _, err := c.Advance(ctx); return err })
	require.Nil(t, ceremonies[0].Status().WaitingFor())

	require.NoError(t, ceremonies[0].SetStep(2))

	require.Contains(t, ceremonies[0].Status().WaitingFor().Error(),
		"waiting for 1 of 2 at step 2: bob (connected, at step 1")
}

func TestAStatusListsPassedBarriers(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	late := make(chan struct{})
	run := make(chan []error, 1)
	go func() {
		run <- harness.Everyone(ceremonies, func(c *syncmod.Ceremony) error {
			return c.Run(harness.Within(t), syncmod.Step{Name: "deal", Run: func(ctx context.Context) error {
				if c != ceremonies[2] {
					return nil
				}
				<-late
				return nil
			}}, syncmod.Step{Name: "store"})
		})
	}()
	harness.Until(t, ceremonies[0], func(s syncmod.Status) bool {
		w := s.WaitingFor()
		return s.Step == 2 && w != nil && len(w.Missing) == 1
	})
	close(late)
	require.Equal(t, []error{nil, nil, nil}, <-run)

	status := ceremonies[0].Status()

	require.Equal(t, []string{"deal", "store"}, status.Steps)
	var kinds, names []string
	for i, b := range status.Passed {
		kinds, names = append(kinds, b.Kind), append(names, b.Name)
		require.False(t, b.Passed.Before(b.Since), i)
	}
	require.Equal(t, []string{"connected", "step", "step", "step", "shutdown"}, kinds)
	require.Equal(t, []string{"", "deal", "store", "", ""}, names)
	store := status.Passed[2]
	require.Equal(t, int64(2), store.Step)
	require.Equal(t, 2, store.Last, "carol")
	require.Len(t, store.Arrivals, 3)
	require.Positive(t, store.Behind())
	require.Zero(t, status.Passed[0].Behind())
}

func TestAStatusKeepsAHundredBarriers(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	ctx := harness.Within(t)
	const steps = 450
	early := ceremonies[0].Status().Passed
	for range steps {
		harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { _, err := c.Advance(ctx); return err })
	}

	passed := ceremonies[0].Status().Passed

	require.Empty(t, early)
	require.GreaterOrEqual(t, len(passed), 100)
	require.LessOrEqual(t, len(passed), 200)
	require.Equal(t, int64(steps), passed[len(passed)-1].Step)
	require.Equal(t, int64(steps-len(passed)+1), passed[0].Step)
}

func TestAStatusNamesMissingGoodbyes(t *testing.T) {
	config := harness.Fast()
	config.GoodbyeTimeout = 200 * time.Millisecond
	nodes, def := newCluster(t, 2, config)
	ceremonies := harness.Open(t, nodes, def)
	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { _, err := c.Advance(ctx); return err })
	require.NoError(t, ceremonies[1].SetStep(2)) // and never says goodbye

	err := ceremonies[0].Complete(ctx)

	var wait *syncmod.WaitError
	require.ErrorAs(t, err, &wait)
	status := ceremonies[0].Status()
	require.Equal(t, syncmod.Complete, status.Phase)
	require.Equal(t, wait, status.WaitingFor())
	require.Contains(t, wait.Error(), "to say goodbye: bob (")
}

func TestAStatusAnnouncesARetry(t *testing.T) {
	config := harness.Fast()
	config.Retry = syncmod.Retry{Attempts: 2, Pause: time.Millisecond, PauseMax: time.Millisecond}
	nodes, def := newCluster(t, 2, config)
	ctx := harness.Within(t)
	var opened []*syncmod.Ceremony
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = nodes[1].Service.Run(ctx, def, func(*syncmod.Ceremony) ([]syncmod.Step,
			error,
		) {
			return []syncmod.Step{{}}, nil
		})
	}()

	_, err := nodes[0].Service.Run(ctx, def, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		opened = append(opened, c)
		return []syncmod.Step{{Name: "deal", Run: func(context.Context) error { return errors.New("no luck") }}}, nil
	})

	require.ErrorContains(t, err, "no luck")
	<-done
	require.Len(t, opened, 2)
	require.True(t, opened[0].Status().Retried)
	require.False(t, opened[1].Status().Retried)
}

func TestAServiceIsWatched(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ctx, cancel := context.WithCancel(harness.Within(t))
	seen, ended := make(chan []*syncmod.Ceremony), make(chan struct{})
	go func() {
		defer close(ended)
		for open := range nodes[0].Service.Watch(ctx) {
			seen <- open
		}
	}()
	require.Empty(t, harness.Next(t, seen))

	c := harness.Open(t, nodes[:1], def)[0]
	require.Equal(t, []*syncmod.Ceremony{c}, harness.Next(t, seen))
	require.NoError(t, c.Close(ctx))
	require.Empty(t, harness.Next(t, seen))
	cancel()

	harness.Next(t, ended)
}

// After a ceremony has ended, nothing more happens except that its streams end. No
// status shows that.
func TestTheLastWatchedStatusIsTheEnd(t *testing.T) {
	nodes, def := newCluster(t, 3, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.AwaitConnected(harness.Within(t)) })
	ceremonies[0].Abort(errors.New("no luck"))
	require.NoError(t, ceremonies[0].Close(harness.Within(t)))
	require.False(t, harness.Connected(ceremonies[0].Status().Peers[0]))

	last := harness.Until(t, ceremonies[0], harness.In(syncmod.Failed))

	for _, p := range last.Peers {
		require.True(t, harness.Connected(p), p.Peer.Name)
	}
}

func TestEqualNamesAreToldApart(t *testing.T) {
	_, def := newCluster(t, 3, harness.Fast())
	def.Peers[0].Name, def.Peers[1].Name, def.Peers[2].Name = "ann", "ann", "\x1b[31mred"

	require.Equal(t, []string{"operator 0 (ann)", "operator 1 (ann)", "?[31mred"}, def.Names())
}

func TestAPassedBarrierReadsWellAsJSON(t *testing.T) {
	at := time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)
	b := syncmod.PassedBarrier{
		Kind: "step", Step: 2, Name: "deal", Since: at, Passed: at.Add(2 * time.Second), Last: 1,
		Arrivals: []time.Time{at, at.Add(1500 * time.Millisecond), at.Add(500 * time.Millisecond)},
	}

	text, err := json.Marshal(b)

	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"step","step":2,"name":"deal","since":"2025-11-22T12:00:00Z",
		"passed":"2025-11-22T12:00:02Z","last":1,"behind":"1s"}`, string(text))
}
