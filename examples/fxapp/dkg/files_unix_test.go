//go:build unix

package dkg

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

func TestOnlyFilesAreRead(t *testing.T) {
	d := harness.Define(t.Name(), harness.NewHost(t), harness.NewHost(t))
	for _, name := range []string{receiptName, shareName, unconfirmedName(make([]byte, keySize))} {
		for kind, put := range map[string]func(path string) error{
			"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"link": func(path string) error { return os.Symlink("/dev/zero", path) },
		} {
			dir := t.TempDir()
			require.NoError(t, put(filepath.Join(dir, name)), kind)

			_, err := OpenStore(dir, d)

			require.ErrorContains(t, err, name+" is a link, a pipe, a device or a directory", kind)
		}
	}
}

func TestAWritableDirectoryIsRefused(t *testing.T) {
	d := harness.Define(t.Name(), harness.NewHost(t), harness.NewHost(t))
	for mode, refused := range map[os.FileMode]bool{0o770: true, 0o702: true, 0o755: false} {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, mode))

		_, err := OpenStore(dir, d)

		if !refused {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, "data directory "+dir+": cannot be used: its group or others may write to it: "+
			"keep them out (chmod go-w), or use another directory")
		require.Empty(t, names(t, dir))
	}
}
