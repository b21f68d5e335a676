package syncmod_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestAHeldStreamIsForgottenWhenItEnds(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	stream := s.run(t)[0]
	done := make(chan error, 1)
	ctx := harness.Within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), harness.Goodbye))
	require.NoError(t, harness.Next(t, done))
	held := bob.Open(t, s.Host)
	held.Say(t, bob.Request(t, s.def, harness.Step(1)))
	<-time.After(100 * time.Millisecond) // from outside, nothing shows that a held request has been read
	_ = held.Reset()
	pong := harness.Next(t, ping.Ping(harness.Within(t), bob.Host, s.Host.ID()))
	require.NoError(t, pong.Error) // the resets arrived before this
	require.NoError(t, s.ceremony.Close(harness.Within(t)))

	again, err := s.Service.Open(s.def)
	require.NoError(t, err)
	bob.Open(t, s.Host).Accepted(t, bob.Request(t, s.def))

	require.NoError(t, again.Err())
	require.Equal(t, int64(0), again.Status().Peers[0].Step)
}

func TestOneStreamIsHeldAfterTheLastBarrier(t *testing.T) {
	for name, session := range sessions {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Fast()
			cfg.GoodbyeTimeout = harness.Patience // many streams come before bob's
			s := newScene(t, cfg, 1)
			bob := s.others[0]
			said := bob.Answer()
			bob.Become(session)
			s.meet(t, bob, harness.Step(1))
			complete := make(chan error, 1)
			ctx := harness.Within(t)
			go func() { complete <- s.ceremony.Complete(ctx) }()
			s.meet(t, bob, harness.Step(1))
			harness.Await(t, said, (*syncpb.SyncRequest).GetShutdown) // the last barrier is passed

			var before harness.RawStream
			for i := range 50 {
				stream := s.meet(t, bob, harness.Step(1))
				stream.Say(t, bob.Request(t, s.def, harness.Step(9)))
				if i > 0 {
					_ = before.Fate() // the earlier stream ends
				}
				before = stream
			}

			s.meet(t, bob, harness.Step(1)).Accepted(t, bob.Request(t, s.def, harness.Step(1), harness.Goodbye))
			require.NoError(t, harness.Next(t, complete))
		})
	}
}

// panicHook is a logger's hook that panics once.
type panicHook struct{ armed atomic.Bool }

func (h *panicHook) Levels() []logrus.Level { return logrus.AllLevels }

func (h *panicHook) Fire(*logrus.Entry) error {
	if h.armed.CompareAndSwap(true, false) {
		panic("a hook of the user's")
	}
	return nil
}

func TestAPanickingHookLosesOnlyAReport(t *testing.T) {
	h, bob := harness.NewHost(t), harness.NewRawPeer(t)
	hook, log := &panicHook{}, harness.Quiet()
	log.AddHook(hook)
	service, err := syncmod.NewService(h, harness.Fast(), syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, service.Start(harness.Within(t)))
	def := harness.Define(t.Name(), h, bob.Host)
	c, err := service.Open(def)
	require.NoError(t, err)
	bob.Connect(t, h)
	bob.Become(1)

	hook.armed.Store(true) // the next line says that bob is connected
	bob.Open(t, h).Accepted(t, bob.Request(t, def))

	require.NoError(t, c.AwaitConnected(harness.Within(t)))
	require.NoError(t, service.Stop(harness.Within(t)))
	require.False(t, hook.armed.Load())
}
