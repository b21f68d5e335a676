//go:build unix

package view

import (
	"os"

	"golang.org/x/sys/unix"
)

// isForeground reports whether this process may change its terminal: one in the
// background would be stopped for that.
func isForeground(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
