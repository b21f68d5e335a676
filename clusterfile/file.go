package clusterfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unicode/utf8"
)

// read returns the text of a file, without a byte order mark and without the white
// space around it.
func read(path string, limit int64) (string, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe waits for its writer
	switch {
	case err != nil:
		return "", withoutPath(err)
	case info.IsDir():
		return "", errors.New("it is a directory: name the file in it")
	case !info.Mode().IsRegular():
		return "", errors.New("it is a pipe or a device: save its content to a file, and name that file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", withoutPath(err)
	}
	if int64(len(content)) > limit {
		return "", fmt.Errorf("it is larger than %d KiB, "+
			"so it is probably the wrong file: check the name", limit>>10)
	}
	return decode(content)
}

// decode checks that the content of a file is text.
func decode(content []byte) (string, error) {
	if isUTF16(content) {
		return "", errors.New("it is UTF-16 text, as Windows PowerShell writes with >: save it as UTF-8")
	}
	text := strings.TrimSpace(string(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
	switch {
	case text == "":
		return "", errors.New("it is empty: copy or make it again")
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", errors.New("it is not UTF-8 text: " +
			"check the name, unpack it if it is an archive, or save it as UTF-8")
	}
	return text, nil
}

// isUTF16 knows UTF-16 by its byte order mark or, without one, by every other byte
// of its beginning: what these files begin with is ASCII.
func isUTF16(content []byte) bool {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return true
	}
	return len(content) >= 4 && (content[0] == 0) != (content[1] == 0) &&
		(content[0] == 0) == (content[2] == 0) && (content[1] == 0) == (content[3] == 0)
}

// create writes a file that does not exist yet.
func create(path, content string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w, and is never overwritten: choose another name, or move that file away",
			withoutPath(err))
	}
	if err != nil {
		return withoutPath(err)
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // half a file is worse than none
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory outlive a power cut, where there is a call for
// it: not on Windows, not on every file system, and not in a directory that this user
// may not read.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("it was written, and its directory could not be synchronized: %w", withoutPath(err))
	}
	return nil
}

// withoutPath leaves the reason of a failed file access: the path is named already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// about puts the path before what is wrong with the file.
func about(path string, err error) error {
	return fmt.Errorf("%s: %w", path, err)
}
