//go:build !linux

package limits_test

import "errors"

func isolate() error { return errors.New("network namespaces are there on Linux only") }
