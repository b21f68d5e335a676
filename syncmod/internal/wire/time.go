package wire

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Time decodes a timestamp field, as [SplitTimestamp] returns it. It returns false if
// the field is not a time of the years 1 to 9999.
func Time(field []byte) (t time.Time, ok bool) {
	const head, seconds, nanos = 2, 1, 2
	var timestamp struct{ seconds, nanos uint64 }
	for rest := field[min(head, len(field)):]; len(rest) > 0; {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return time.Time{}, false
		}
		rest = rest[n:]
		if kind != protowire.VarintType || number > nanos {
			if n = protowire.ConsumeFieldValue(number, kind, rest); n < 0 {
				return time.Time{}, false
			}
			rest = rest[n:]
			continue
		}
		value, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return time.Time{}, false
		}
		rest = rest[n:]
		if number == seconds {
			timestamp.seconds = value
		} else {
			timestamp.nanos = value
		}
	}
	return valid(int64(timestamp.seconds), int32(timestamp.nanos))
}

// TimeOf is [Time] for a timestamp that is already decoded.
func TimeOf(t *timestamppb.Timestamp) (time.Time, bool) {
	if t == nil {
		return time.Time{}, false
	}
	return valid(t.GetSeconds(), t.GetNanos())
}

func valid(seconds int64, nanos int32) (time.Time, bool) {
	const year1, year10000 = -62135596800, 253402300800
	if seconds < year1 || seconds >= year10000 || nanos < 0 || int64(nanos) >= int64(time.Second) {
		return time.Time{}, false
	}
	return time.Unix(seconds, int64(nanos)), true
}
