package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryGrowsWithArrivals(t *testing.T) {
	const limit = 1 << 20

	tests := map[string]struct {
		arrived, want int
	}{
		"nothing":                  {0, 512},
		"one byte":                 {1, 512},
		"one byte less than held":  {511, 512},
		"as much as is held":       {512, 1024},
		"a little more":            {1023, 1024},
		"half of the limit":        {limit / 2, limit},
		"the limit but for a byte": {limit - 1, limit},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sent := binary.LittleEndian.AppendUint64(nil, limit)
			sent = append(sent, make([]byte, test.arrived)...)
			reader := NewReader(bytes.NewReader(sent), limit)

			_, err := reader.Next()

			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, test.want, cap(reader.buf))
		})
	}
}

func TestARefusedLengthAllocatesNothing(t *testing.T) {
	sent := binary.LittleEndian.AppendUint64(nil, 1<<62)
	reader := NewReader(bytes.NewReader(sent), 1<<20)

	_, err := reader.Next()

	require.Error(t, err)
	require.Zero(t, cap(reader.buf))
}

func TestMemoryEndsAtAnyLimit(t *testing.T) {
	const limit = 1500

	sent := binary.LittleEndian.AppendUint64(nil, limit)
	sent = append(sent, make([]byte, limit)...)
	reader := NewReader(bytes.NewReader(sent), limit)

	_, err := reader.Next()

	require.NoError(t, err)
	require.Equal(t, limit, cap(reader.buf))
}
