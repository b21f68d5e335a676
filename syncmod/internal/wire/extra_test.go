package wire_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestARequestIsMadeAgain(t *testing.T) {
	said := &syncpb.SyncRequest{
		Timestamp: timestamppb.New(time.Unix(1, 0)), HashSignature: []byte("signature"), Version: "v1.0", Step: 3,
		SessionId: 7, Attempt: []byte("attempt!"),
	}
	frame, err := wire.AppendRequest(nil, said)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		now   time.Time
		extra wire.Extra
	}{
		"with nothing else": {now: time.Unix(1_700_000_000, 123_456_789)},
		"at a full second":  {now: time.Unix(1_700_000_000, 0)},
		"with all that a stream has": {time.Unix(1_700_000_000, 1), wire.Extra{
			Traceparent: "00-trace", DefinitionHash: bytes.Repeat([]byte{1}, 64), Members: []byte{2}, Addressee: 9,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := &syncpb.SyncRequest{
				Timestamp: timestamppb.New(test.now), HashSignature: said.HashSignature, Version: said.Version,
				Step: said.Step, SessionId: said.SessionId, Attempt: said.Attempt, Traceparent: test.extra.Traceparent,
				DefinitionHash: test.extra.DefinitionHash, Members: test.extra.Members, Addressee: test.extra.Addressee,
			}

			again := wire.AppendAgain([]byte("before"), frame, test.now, test.extra)

			var got syncpb.SyncRequest
			require.NoError(t, wire.NewReader(bytes.NewReader(again[len("before"):]), 1<<10).Request(&got))
			require.Empty(t, cmp.Diff(want, &got, protocmp.Transform()))
		})
	}
}
