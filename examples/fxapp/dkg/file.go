package dkg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// MakeDirectory makes a data directory that only its owner can use, if it does not
// exist. The directory survives a power cut. MakeDirectory refuses a directory that
// others may write to, because they could replace the node's files. On Windows it does
// not check this, because Windows has other permissions.
func MakeDirectory(dir string) error {
	parents := parentsOfMissing(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range parents {
		if err := syncDir(parent); err != nil {
			return err
		}
	}
	const othersMayWrite = 0o022
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&othersMayWrite != 0 && runtime.GOOS != "windows" {
		return errors.New("its group or others may write to it: keep them out (chmod go-w), or use another directory")
	}
	return err
}

// parentsOfMissing returns the directories that get a new entry when dir is made.
func parentsOfMissing(dir string) (parents []string) {
	for missing := filepath.Clean(dir); ; missing = filepath.Dir(missing) {
		if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
			return parents
		}
		parents = append(parents, filepath.Dir(missing))
	}
}

// temporary is the name pattern of unfinished files. A process that dies may leave such
// a file.
const temporary = ".unfinished-*"

// writeFile writes or replaces a file that only the owner can read. If the process or
// the machine dies, the file is either complete or not there.
func writeFile(dir, name string, content []byte) error {
	f, err := os.CreateTemp(dir, temporary) // mode 0600
	if err != nil {
		return about(dir, "cannot write "+name, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return about(dir, "cannot write "+name, err)
	}
	return syncDir(dir)
}

// renameFile renames a file, and the new name survives a power cut.
func renameFile(dir, from, to string) error {
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		return about(dir, "cannot rename "+from+" to "+to, err)
	}
	return syncDir(dir)
}

// removeFile removes a file, and that survives a power cut. It returns nil if the file does not
// exist.
func removeFile(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return about(dir, "cannot remove "+name, err)
	}
	return syncDir(dir)
}

// syncDir makes changes of names in a directory survive a power cut. Windows has no
// such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return about(dir, "cannot be synchronized", err)
	}
	return nil
}

// about returns a sentence that says what failed in a directory, and what would help.
func about(dir, what string, err error) error {
	advice := ""
	switch {
	case errors.Is(err, syscall.ENOSPC):
		advice = ": make room on the disk, and start again"
	case errors.Is(err, syscall.EROFS):
		advice = ": use a directory on a disk that can be written to"
	case errors.Is(err, fs.ErrPermission):
		advice = ": use a directory that this user may write to"
	}
	return fmt.Errorf("data directory %s: %s: %w%s", dir, what, withoutPath(err), advice)
}

// withoutPath returns the reason why a file could not be accessed. The caller has named the path
// already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
