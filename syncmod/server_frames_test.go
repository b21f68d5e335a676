package syncmod_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
)

// claiming is the header of a frame of so many bytes.
func claiming(length int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(length))
}

func TestALengthThatNoFrameHasEndsTheStreamAndNothingElse(t *testing.T) {
	for name, length := range map[string]int64{
		"8 EiB": 1<<63 - 1, "32 MiB": 32 << 20, "a byte too long": 16<<10 + 1, "nothing": 0, "less than nothing": -1, "least": -1 << 63,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, fast(), 1)
			bob := s.others[0]
			before := s.meet(t, bob)
			stream := bob.open(t, s.host)

			stream.write(t, claiming(length))

			require.Equal(t, streamEnd{"reset", network.StreamProtocolViolation}, stream.end(t))
			before.accepted(t, bob.request(t, s.def))
			require.NoError(t, s.ceremony.Err())
		})
	}
}

func TestAClaimCostsNoMemory(t *testing.T) {
	cfg := fast()
	cfg.MaxFrame = 8 << 20
	s := newScene(t, cfg, 1)
	bob := s.others[0]
	s.meet(t, bob)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		stream := bob.open(t, s.host)
		stream.write(t, append(claiming(8<<20), make([]byte, 1000)...))
		require.NoError(t, stream.CloseWrite())
		requireReset(t, stream) // cut short
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

func TestARequestThatComesByteByByteDiesByTheDeadline(t *testing.T) {
	cfg := fast()
	cfg.ExchangeTimeout = 200 * time.Millisecond
	s := newScene(t, cfg, 1)
	bob := s.others[0]
	frame, err := wire.AppendRequest(nil, bob.request(t, s.def))
	require.NoError(t, err)
	stream := bob.open(t, s.host)
	drip := time.NewTicker(50 * time.Millisecond)
	defer drip.Stop()
	began := time.Now()
	written := 0
	for err == nil && written < len(frame) {
		<-drip.C
		_, err = stream.Write(frame[written : written+1])
		written++
	}
	require.Error(t, err)
	require.Less(t, time.Since(began), 2*time.Second)
	require.NoError(t, s.ceremony.Err())
}

func TestAFrameInPiecesIsUnderstood(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	frame, err := wire.AppendRequest(nil, bob.request(t, s.def))
	require.NoError(t, err)
	stream := bob.open(t, s.host)

	for _, b := range frame {
		stream.write(t, []byte{b})
	}

	require.Empty(t, stream.hear(t).GetError())
}

func TestASilentStreamIsGivenUp(t *testing.T) {
	cfg := fast()
	cfg.ExchangeTimeout = 200 * time.Millisecond
	s := newScene(t, cfg, 1)

	stream := s.meet(t, s.others[0])

	requireReset(t, stream)
	until(t, s.ceremony, bobIsOut)
	require.NoError(t, s.ceremony.Err()) // it is not running yet
}

func TestManyRequestsInOneWriteAreAnsweredInOrder(t *testing.T) {
	s := newScene(t, fast(), 1)
	bob := s.others[0]
	stream := bob.open(t, s.host)
	var frames []byte
	for i := range int64(3) {
		request := bob.request(t, s.def, withStep(i))
		request.Timestamp.Seconds = i + 1
		var err error
		frames, err = wire.AppendRequest(frames, request)
		require.NoError(t, err)
	}

	stream.write(t, frames)

	for i := range int64(3) {
		require.Equal(t, i+1, stream.hear(t).GetSyncTimestamp().GetSeconds())
	}
	require.Equal(t, int64(2), s.ceremony.Status().Peers[0].Step)
}
