package stream

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// mesh has the clients of a ceremony, with an open stream to each member. It notes what
// is written on the streams.
type mesh struct {
	ceremony *fakeCeremony
	clients  *CeremonyClients

	mu    sync.Mutex
	steps map[int][]int64 // by operator index
	at    map[int]time.Time
	stuck map[int]chan struct{} // streams that take no bytes until their channel is closed
}

func newMesh(t *testing.T, members int, stuck ...int) *mesh {
	t.Helper()
	cfg := &Config{Heartbeat: time.Second, ExchangeTimeout: 10 * time.Second, MaxFrame: 16 << 10}
	c := newFakeCeremony(t, NewTerms(Terms{
		Hash: []byte("mesh"), Members: membersOf(members), Session: 7, Version: "v1.0",
	}))
	m := &mesh{
		ceremony: c, clients: NewClients(cfg, c.Broken).Of(c),
		steps: make(map[int][]int64), at: make(map[int]time.Time), stuck: make(map[int]chan struct{}),
	}
	for _, i := range stuck {
		m.stuck[i] = make(chan struct{})
	}
	for _, cl := range m.clients.clients {
		take := func(frame []byte) { m.take(t, cl.index, frame) }
		o := newOutbound(cl, &steadyStream{conn: &steadyConn{}, write: take})
		require.NoError(t, o.begin())
		o.announced.Store(c.announcement)
		cl.attach(o)
	}
	return m
}

func (m *mesh) take(t *testing.T, member int, frame []byte) {
	if stuck := m.stuck[member]; stuck != nil {
		<-stuck
	}
	var request syncpb.SyncRequest
	require.NoError(t, wire.DecodeRequest(frame[wire.HeaderSize:], &request))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps[member] = append(m.steps[member], request.GetStep())
	m.at[member] = time.Now()
}

// announce announces a step. It returns when everything that can be written is written.
func (m *mesh) announce(step int64) (began time.Time) {
	began = time.Now()
	m.ceremony.announcement = m.ceremony.terms.NewAnnouncement(Announcement{Step: step}, began)
	m.clients.Notify()
	after(100 * time.Millisecond)
	synctest.Wait()
	return began
}

// after lets virtual time pass.
func after(d time.Duration) { <-time.After(d) }

func TestStuckStreamsDelayOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 10, 1, 2)
		defer m.clients.End()

		began := m.announce(1)

		for i := 3; i < 10; i++ {
			require.Equal(t, []int64{1}, m.steps[i])
			require.LessOrEqual(t, m.at[i].Sub(began), 2*stuckAfter,
				"two streams are stuck, and each may delay the others for that long")
			require.NotZero(t, m.at[i].Sub(began))
		}

		began = m.announce(2)

		for i := 3; i < 10; i++ {
			require.Equal(t, []int64{1, 2}, m.steps[i])
			require.Zero(t, m.at[i].Sub(began), "they are known to be stuck")
		}
		require.Empty(t, m.steps[1])

		close(m.stuck[1])
		close(m.stuck[2])
		synctest.Wait()

		require.Equal(t, []int64{1, 2}, m.steps[1], "what was being written, and the newest after it")
		require.Equal(t, []int64{1, 2}, m.steps[2])
	})
}

func TestAStuckStreamGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 3, 1)
		defer m.clients.End()
		for step := range int64(5) {
			m.announce(1 + step)
		}

		close(m.stuck[1])
		synctest.Wait()

		require.Equal(t, []int64{1, 5}, m.steps[1])
		require.Equal(t, []int64{1, 2, 3, 4, 5}, m.steps[2])
	})
}

func TestAFanOutCallsEachOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := make([]int, 100)

		fanOut(len(calls), func(i int) {
			if i%10 == 0 {
				after(time.Second) // the others go on meanwhile
			}
			mu.Lock()
			defer mu.Unlock()
			calls[i]++
		}, func(err error) { t.Error(err) })
		after(time.Minute)
		synctest.Wait()

		for i, called := range calls {
			require.Equal(t, 1, called, i)
		}
	})
}
