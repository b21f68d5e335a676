package stream

import (
	"io"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
)

// curiousScope is the scope of a resource manager with a hook.
type curiousScope struct {
	network.NullScope
	hook func()
}

func (s *curiousScope) SetService(string) error { s.hook(); return nil }

func TestAResourceManagerMayReset(t *testing.T) {
	s := newSteady(t)
	ended := 0

	s.server.serve(&steadyStream{
		conn: s.conn,
		read: func([]byte) (int, error) { return 0, io.EOF },
		scope: &curiousScope{hook: func() {
			s.server.Reset(s.ceremony)
			ended++
		}},
	})

	require.Equal(t, 1, ended)
}
