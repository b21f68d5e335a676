package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
)

// lockFile is in the data directory of a node that runs. The system takes the lock away
// when the process ends, however it ends.
const lockFile = "lock"

// lockDirectory makes the data directory if it is not there, and keeps other nodes out
// of it until unlock is called.
func lockDirectory(dir string) (unlock func(), err error) {
	if err := dkg.MakeDirectory(dir); err != nil {
		return nil, fmt.Errorf("--data-dir %s: %w", dir, explainDisk(err))
	}
	path := filepath.Join(dir, lockFile)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("--data-dir %s: %s is a link, a pipe, a device or a directory, "+
			"but it must be a file: move it away", dir, lockFile)
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("--data-dir %s: %w", dir, explainDisk(err))
	case !locked:
		return nil, fmt.Errorf("--data-dir %s: another node is using it: "+
			"stop that node, or give this one its own directory", dir)
	}
	return func() { _ = lock.Close() }, nil
}

// explainDisk says what to do about a directory that cannot be used.
func explainDisk(err error) error {
	switch reason := withoutPath(err); {
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: name a directory that this program may write to", reason)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: it is a file, or lies below one; name a directory", reason)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: make room first", reason)
	default:
		return reason
	}
}
