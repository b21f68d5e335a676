//go:build unix

package view

import (
	"os"

	"golang.org/x/sys/unix"
)

// isForeground reports whether this process may change its terminal. The system would
// stop a background process that did.
func isForeground(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
