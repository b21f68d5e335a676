//go:build !linux

package limits_test

import "github.com/dkgsync/dkgsync/integration/netns"

func isolate() error { return netns.Enter() }
