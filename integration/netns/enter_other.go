//go:build !linux

package netns

import "errors"

// Enter returns an error, because only Linux has network namespaces.
func Enter() error { return errors.New("only Linux has network namespaces") }
