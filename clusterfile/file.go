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

// read returns the text of a file. It removes a byte order mark and the white space
// around the text.
func read(path string, limit int64) (string, error) {
	info, err := os.Stat(path) // before os.Open, which would wait for the writer of a pipe
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

// decode returns the content of a file as text, or an error if it is not text.
func decode(content []byte) (string, error) {
	if isUTF16(content) {
		return "", errors.New("it is UTF-16 text, which Windows PowerShell writes when output is redirected (>); " +
			"save it as UTF-8")
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

// isUTF16 reports whether content is UTF-16. It looks for a byte order mark. Without
// one it looks at the first four bytes: these files begin with ASCII characters, so in
// UTF-16 every other byte is zero.
func isUTF16(content []byte) bool {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return true
	}
	return len(content) >= 4 && (content[0] == 0) != (content[1] == 0) &&
		(content[0] == 0) == (content[2] == 0) && (content[1] == 0) == (content[3] == 0)
}

// create writes a new file. It returns an error if the file exists.
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
		return errors.Join(err, os.Remove(path)) // half a file is worse than no file
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory survive a power cut, if the system can do that.
// Windows and some file systems cannot, and neither can a user who may not read the
// directory.
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
		return fmt.Errorf("it was written, but its directory could not be synchronized: %w", withoutPath(err))
	}
	return nil
}

// withoutPath returns the reason why a file access failed. It leaves out the path,
// because the caller adds it by calling about.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// about puts the path before an error about the file.
func about(path string, err error) error {
	return fmt.Errorf("%s: %w", path, err)
}
