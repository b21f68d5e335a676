package telemetry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/telemetry"
)

func TestTheTraceIDComesFromTheHash(t *testing.T) {
	sum := sha256.Sum256(append([]byte("dkgsync/trace/v1\x00"), hash...))

	require.Equal(t, hex.EncodeToString(sum[:16]), telemetry.TraceID(hash).String())
}
