package soak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// A drawn cluster once found this. Node 0 has restarted, was refused and has failed.
// Node 3 has just opened a stream to it, which is held because it may belong to the
// next attempt. Node 3 then fails too, and says so after its first request. Then all
// open the definition again, node 0 first.
func TestAHeldStreamKillsNothing(t *testing.T) {
	for _, step := range []int64{0, 1, 7} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			const failed = "the first attempt has failed"
			c := harness.New(t, 2)
			c.Idle(0)
			c.Open("held", 0)
			c.Nodes[0].Ceremony.Abort(errors.New("the first attempt"))
			old := dial(t, c.Nodes[1], c.Nodes[0])
			say(t, c.Nodes[1], old, &syncpb.SyncRequest{SessionId: 1, Step: step, DefinitionHash: harness.Hash("held")})
			say(t, c.Nodes[1], old, &syncpb.SyncRequest{SessionId: 1, Step: step, Abort: failed})
			late := dial(t, c.Nodes[1], c.Nodes[0]) // the first thing said on this stream is the abort
			say(t, c.Nodes[1], late, &syncpb.SyncRequest{
				SessionId:      1,
				Step:           step,
				DefinitionHash: harness.Hash("held"),
				Abort:          failed,
			})
			<-time.After(200 * time.Millisecond) // no event says that a stream is held

			require.NoError(t, c.Nodes[0].Ceremony.Close(c.Context()))
			c.Open("held", 0)

			c.Idle(1)
			c.Open("held", 1)
			c.Advance(0, 1)
			c.Complete(0, 1)
		})
	}
}

func dial(t *testing.T, from, to *harness.Node) network.Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	from.Host.Peerstore().AddAddrs(to.ID(), to.Host.Addrs(), time.Hour)
	stream, err := from.Host.NewStream(ctx, to.ID(), syncmod.ProtocolID)
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Reset() })
	return stream
}

// say writes a request as a member would.
func say(t *testing.T, from *harness.Node, stream network.Stream, request *syncpb.SyncRequest) {
	t.Helper()
	signature, err := from.Key.Sign(harness.Hash("held"))
	require.NoError(t, err)
	request.Timestamp, request.Version, request.HashSignature = timestamppb.Now(), "v1.0", signature
	payload, err := proto.Marshal(request)
	require.NoError(t, err)
	_, err = stream.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(payload))), payload...))
	require.NoError(t, err)
}
