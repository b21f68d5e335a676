package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestAViewIsAFieldOfTheRequest(t *testing.T) {
	frame, err := wire.AppendRequest(nil, &syncpb.SyncRequest{Step: 3, SessionId: 7})
	require.NoError(t, err)

	frame = wire.AppendView(frame, []byte{0x30, 0x03})

	var decoded syncpb.SyncRequest
	require.NoError(t, wire.DecodeRequest(frame[wire.HeaderSize:], &decoded))
	require.Equal(t, []byte{0x30, 0x03}, decoded.GetView())
	require.EqualValues(t, 3, decoded.GetStep())
	require.EqualValues(t, 7, decoded.GetSessionId())
}

func TestARepetitionsViewIsFound(t *testing.T) {
	frame, err := wire.AppendRequest(nil, &syncpb.SyncRequest{Step: 3, SessionId: 7})
	require.NoError(t, err)
	same := frame[wire.HeaderSize:]
	with := wire.AppendView(append([]byte(nil), frame...), []byte{0x30, 0x03})[wire.HeaderSize:]
	twice := wire.AppendView(wire.AppendView(append([]byte(nil), frame...), []byte{1}), []byte{2})[wire.HeaderSize:]

	for name, test := range map[string]struct {
		rest []byte
		view []byte
		ok   bool
	}{
		"the same":                {same, nil, true},
		"with a view":             {with, []byte{0x30, 0x03}, true},
		"with a part of a view":   {with[:len(with)-1], nil, false},
		"with a part of its tag":  {with[:len(same)+1], nil, false},
		"with two views":          {twice, nil, false},
		"with another field":      {append(append([]byte(nil), same...), 0x18, 0x01), nil, false},
		"shorter":                 {same[:len(same)-1], nil, false},
		"something else entirely": {[]byte("else"), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			view, ok := wire.SplitView(test.rest, same)

			require.Equal(t, test.ok, ok)
			if ok {
				require.Equal(t, test.view, view)
			}
		})
	}
}
