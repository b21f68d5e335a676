package wire_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
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

// describedFrame returns the frame in docs/protocol.md that begins with the given
// bytes.
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

// describedMembers returns the digest of two members, as docs/protocol.md describes it.
// Their secp256k1 keys are 32 bytes of 02 and 32 bytes of 03.
func describedMembers(t *testing.T) []byte {
	t.Helper()
	list := []byte("dkgsync/members/v1\x00")
	for _, key := range []string{
		"024d4b6cd1361032ca9bd2aeb9d900aa4d45d9ead80ac9423374c451a7254d0766",
		"02531fe6068134503d2723133227c867ac8fa6c83c537e9a44c3c5bdbdcb1fe337",
	} {
		id, err := hex.DecodeString("0025" + "08021221" + key) // the identity multihash of a libp2p public key
		require.NoError(t, err)
		list = append(binary.AppendUvarint(list, uint64(len(id))), id...)
	}
	digest := sha256.Sum256(list)
	return digest[:8]
}

func TestTheProtocolsFramesAreTrue(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC))
	var recorded syncpb.SyncRequest // signed with the same key, for the same definition
	require.NoError(t, wire.NewReader(bytes.NewReader(vectors.Charon().ClientFrames[0]), limit).Request(&recorded))
	request := &syncpb.SyncRequest{
		Timestamp: at, HashSignature: recorded.GetHashSignature(), Version: "v1.11", Step: 1, Nickname: "alice",
		SessionId: 0x1122_3344_5566_7788, DefinitionHash: bytes.Repeat([]byte{0xd4, 0x6e, 0x01, 0x5c}, 8),
		Members: describedMembers(t),
	}
	response := &syncpb.SyncResponse{SyncTimestamp: at, SessionId: 0x99aa_bbcc_ddee_ff00}

	requestFrame, err := wire.AppendRequest(nil, request)
	require.NoError(t, err)
	responseFrame, err := wire.AppendResponse(nil, response)
	require.NoError(t, err)

	require.Empty(t, cmp.Diff(requestFrame, describedFrame(t, "9f 00")))
	require.Empty(t, cmp.Diff(responseFrame, describedFrame(t, "18 00")))
	require.Len(t, requestFrame, 167)
}
