package syncmod_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

func TestABadLengthEndsOnlyTheStream(t *testing.T) {
	for name, length := range map[string]int64{
		"8 EiB":             1<<63 - 1,
		"32 MiB":            32 << 20,
		"a byte too long":   16<<10 + 1,
		"nothing":           0,
		"less than nothing": -1,
		"least":             -1 << 63,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			before := s.meet(t, bob)
			stream := bob.Open(t, s.Host)

			stream.Send(t, harness.Claim(length))

			require.Equal(t, "reset: protocol violation", stream.End(t))
			before.Accepted(t, bob.Request(t, s.def))
			require.NoError(t, s.ceremony.Err())
		})
	}
}

func TestAClaimedLengthTakesNoMemory(t *testing.T) {
	cfg := harness.Fast()
	cfg.MaxFrame = 8 << 20
	s := newScene(t, cfg, 1)
	bob := s.others[0]
	s.meet(t, bob)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		stream := bob.Open(t, s.Host)
		stream.Send(t, append(harness.Claim(8<<20), make([]byte, 1000)...))
		require.NoError(t, stream.CloseWrite())
		stream.RequireReset(t) // cut short
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

func TestASlowRequestDiesByTheDeadline(t *testing.T) {
	cfg := harness.Fast()
	cfg.ExchangeTimeout = 200 * time.Millisecond
	s := newScene(t, cfg, 1)
	bob := s.others[0]
	frame := harness.Frame(bob.Request(t, s.def))
	stream := bob.Open(t, s.Host)
	drip := time.NewTicker(50 * time.Millisecond)
	defer drip.Stop()
	elapsed := harness.Stopwatch(t)
	written := 0
	var err error
	for err == nil && written < len(frame) {
		<-drip.C
		_, err = stream.Write(frame[written : written+1])
		written++
	}
	require.Error(t, err)
	require.Less(t, elapsed(), 2*time.Second)
	require.NoError(t, s.ceremony.Err())
}

func TestAFrameInPiecesIsUnderstood(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	frame := harness.Frame(bob.Request(t, s.def))
	stream := bob.Open(t, s.Host)

	for _, b := range frame {
		stream.Send(t, []byte{b})
	}

	require.Empty(t, stream.Hear(t).GetError())
}

func TestASilentStreamIsGivenUp(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)

	stream := s.meet(t, s.others[0])

	stream.RequireReset(t)
	harness.Until(t, s.ceremony, bobIsOut)
	require.NoError(t, s.ceremony.Err()) // the ceremony is not running yet
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	stream := bob.Open(t, s.Host)
	var frames []byte
	for i := range int64(3) {
		request := bob.Request(t, s.def, harness.Step(i))
		request.Timestamp.Seconds = i + 1
		frames = append(frames, harness.Frame(request)...)
	}

	stream.Send(t, frames)

	for i := range int64(3) {
		require.Equal(t, i+1, stream.Hear(t).GetSyncTimestamp().GetSeconds())
	}
	require.Equal(t, int64(2), s.ceremony.Status().Peers[0].Step)
}
