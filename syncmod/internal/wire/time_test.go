package wire

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// field returns the timestamp field of a request in the form in which
// SplitTimestamp returns it.
func field(t require.TestingT, at *timestamppb.Timestamp) []byte {
	payload, err := proto.Marshal(&syncpb.SyncRequest{Timestamp: at, Version: "v1"})
	require.NoError(t, err)
	timestamp, _, ok := SplitTimestamp(payload)
	require.True(t, ok)
	return timestamp
}

func TestTimeEqualsTheDecodedTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := &timestamppb.Timestamp{
			Seconds: rapid.Int64().Draw(t, "seconds"), Nanos: rapid.Int32().Draw(t, "nanos"),
		}
		if rapid.Bool().Draw(t, "possible") {
			at.Seconds, at.Nanos = at.Seconds%(1<<36), max(at.Nanos, 0)%1_000_000_000
		}

		got, ok := Time(field(t, at))

		require.Equal(t, at.IsValid(), ok)
		decoded, valid := TimeOf(at)
		require.Equal(t, ok, valid)
		require.Equal(t, decoded, got)
		if ok {
			require.True(t, at.AsTime().Equal(got))
		}
	})
}

func TestInvalidTimesAreRefused(t *testing.T) {
	for name, given := range map[string][]byte{
		"nothing":         {},
		"half a tag":      {0x0a, 1, 0x80},
		"half a number":   {0x0a, 2, 0x08, 0x80},
		"a field too far": {0x0a, 3, 0x1a, 0x7f, 0x00},
	} {
		_, ok := Time(given)

		require.Equal(t, name == "nothing", ok, name)
	}
	_, ok := TimeOf(nil)
	require.False(t, ok)
	_, ok = TimeOf(&timestamppb.Timestamp{Seconds: math.MaxInt64})
	require.False(t, ok)
}

func TestTimeAllocatesNothing(t *testing.T) {
	timestamp := field(t, timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))

	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = Time(timestamp) }))
}
