package syncmod

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestAClockIsKnownWithinARoundTrip(t *testing.T) {
	const ahead, there = 3 * time.Second, 20 * time.Millisecond // one way
	var k clock
	require.Zero(t, k.offset(), "nothing is known")
	held := []time.Duration{90 * time.Millisecond, 0, 40 * time.Millisecond} // how long the requests are held up
	for i, delay := range held {
		at := noon.Add(time.Duration(i) * time.Second)
		k.heard(at, ahead-there-delay)
		k.roundTrip(at, 2*there+delay)
	}

	require.Equal(t, ahead, k.offset(), "the fastest request and the fastest round trip count")
}

func TestACorrectedClockIsSeenSoon(t *testing.T) {
	var k clock
	k.heard(noon, time.Hour)
	require.Equal(t, time.Hour, k.offset())

	k.heard(noon.Add(clockPeriod), 0)
	require.Equal(t, time.Hour, k.offset(), "it may have been held up")
	k.heard(noon.Add(2*clockPeriod), 0)

	require.Zero(t, k.offset())
}

// A message that waits in a queue seems to come from a slow clock.
func TestASlowClockNeedsSeveralRequests(t *testing.T) {
	var k clock
	for range clockSamples - 1 {
		k.heard(noon, -time.Minute)
		require.False(t, k.isWrong())
	}
	held := k

	k.heard(noon, -time.Minute)
	held.heard(noon, 0)

	require.True(t, k.isWrong())
	require.False(t, held.isWrong(), "the last one was not held up")
}

func TestAFastClockIsReportedAtOnce(t *testing.T) {
	var k, almost clock
	k.heard(noon, clockWarning+time.Millisecond)
	almost.heard(noon, clockWarning)

	require.True(t, k.isWrong())
	require.False(t, almost.isWrong())
}

// A hostile member's clock may say anything.
func TestAnAbsurdClockIsBounded(t *testing.T) {
	for _, ahead := range []time.Duration{1<<63 - 1, -1 << 63} {
		var k clock
		for range clockSamples {
			k.heard(noon, ahead)
			k.roundTrip(noon, time.Hour)
		}

		require.Equal(t, ahead > 0, k.offset() > 0)
		require.True(t, k.isWrong())
	}
}

func TestOffsetsReadNaturally(t *testing.T) {
	require.Equal(t, "12 s ahead of this node's", aheadText(12*time.Second))
	require.Equal(t, "1 h 30 min behind this node's", aheadText(-90*time.Minute))
}
