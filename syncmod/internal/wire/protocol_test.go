package wire_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/vectors"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

var octets = regexp.MustCompile(`^ *((?:[0-9a-f]{2} ?)+)(?:$|  )`)

// describedFrame returns the frame in docs/protocol.md whose bytes begin so.
func describedFrame(t *testing.T, beginning string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../docs/protocol.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```text\n"+beginning)
	require.True(t, found, beginning)
	block, _, _ := strings.Cut(beginning+rest, "```")
	var frame []byte
	for line := range strings.Lines(block) {
		part := octets.FindStringSubmatch(strings.TrimRight(line, "\n"))
		require.NotNil(t, part, line)
		decoded, err := hex.DecodeString(strings.ReplaceAll(part[1], " ", ""))
		require.NoError(t, err)
		frame = append(frame, decoded...)
	}
	return frame
}

func TestTheFramesInTheProtocolDescriptionAreTrue(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC))
	var recorded syncpb.SyncRequest // by the same key, of the same definition
	require.NoError(t, wire.NewReader(bytes.NewReader(vectors.Charon().ClientFrames[0]), limit).Request(&recorded))
	request := &syncpb.SyncRequest{
		Timestamp: at, HashSignature: recorded.GetHashSignature(), Version: "v1.11", Step: 1, Nickname: "alice",
		SessionId: 0x1122_3344_5566_7788, DefinitionHash: bytes.Repeat([]byte{0xd4, 0x6e, 0x01, 0x5c}, 8),
	}
	response := &syncpb.SyncResponse{SyncTimestamp: at, SessionId: 0x99aa_bbcc_ddee_ff00}

	requestFrame, err := wire.AppendRequest(nil, request)
	require.NoError(t, err)
	responseFrame, err := wire.AppendResponse(nil, response)
	require.NoError(t, err)

	require.Empty(t, cmp.Diff(requestFrame, describedFrame(t, "94 00")))
	require.Empty(t, cmp.Diff(responseFrame, describedFrame(t, "18 00")))
	require.Len(t, requestFrame, 156)
}
