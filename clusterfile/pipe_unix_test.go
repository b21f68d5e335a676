//go:build unix

package clusterfile_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
)

func TestAPipeIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))

	_, noDefinition := clusterfile.ReadDefinition(pipe)
	_, noKey := clusterfile.ReadKey(pipe)

	for _, err := range []error{noDefinition, noKey} {
		require.EqualError(t, err, pipe+": it is a pipe or a device: save its content to a file, and name that file")
	}
}
