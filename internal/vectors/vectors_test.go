package vectors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/vectors"
)

func TestTheRecordingOfCharonIsComplete(t *testing.T) {
	recorded := vectors.Charon()

	require.Len(t, recorded.Scenarios, 24)
	require.Len(t, recorded.ClientFrames, 3)
	require.Len(t, recorded.DefinitionHash, 32)
	for _, scenario := range recorded.Scenarios {
		require.NotEmpty(t, scenario.Exchanges, scenario.Name)
		for _, exchange := range scenario.Exchanges {
			require.NotEmpty(t, exchange.Send, scenario.Name)
		}
	}
}
