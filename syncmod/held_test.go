package syncmod_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

func TestWhatAHeldStreamSaidIsForgottenWhenItsClientHasGivenItUp(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	bob.answer()
	told := s.meet(t, bob, withSession(1))
	s.ceremony.Abort(errors.New("the first attempt is over"))
	_ = told.end(t)
	held := bob.open(t, s.host)
	held.say(t, bob.request(t, s.def, withSession(2), withStep(1)))
	<-time.After(100 * time.Millisecond) // nothing tells from outside that a held request has been read
	_ = held.Reset()
	require.NoError(t, next(t, ping.Ping(within(t), bob.host, s.host.ID())).Error) // the resets have arrived before this
	require.NoError(t, s.ceremony.Close(within(t)))

	again, err := s.service.Open(s.def)
	require.NoError(t, err)
	bob.open(t, s.host).accepted(t, bob.request(t, s.def, withSession(3)))

	require.NoError(t, again.Err())
	require.Equal(t, int64(0), again.Status().Peers[0].Step)
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

func TestAHookThatPanicsCostsAReportAndNothingElse(t *testing.T) {
	h, bob := newHost(t), newRawPeer(t)
	hook, log := &panicHook{}, quiet()
	log.AddHook(hook)
	service, err := syncmod.NewService(h, fast(), syncmod.WithLogger(log))
	require.NoError(t, err)
	require.NoError(t, service.Start(within(t)))
	def := definitionOf(t.Name(), h, bob.host)
	c, err := service.Open(def)
	require.NoError(t, err)
	bob.connect(t, h)
	bob.answer()

	hook.armed.Store(true) // the next line is that bob is connected
	bob.open(t, h).accepted(t, bob.request(t, def, withSession(1)))

	require.NoError(t, c.AwaitConnected(within(t)))
	require.NoError(t, service.Stop(within(t)))
	require.False(t, hook.armed.Load())
}
