//go:build !linux

package netns

import "errors"

// Enter returns an error: there are no namespaces here.
func Enter() error { return errors.New("network namespaces are there on Linux only") }
