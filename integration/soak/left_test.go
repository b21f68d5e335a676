package soak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/syncmod"
)

// within is how long leftovers may take to end.
const within = 20 * time.Second

// eventually calls the function wrong until that returns nil or patience runs out.
// It returns the last error.
func eventually(patience time.Duration, wrong func() error) error {
	for began := time.Now(); ; {
		err := wrong()
		if err == nil || time.Since(began) > patience {
			return err
		}
		<-time.After(20 * time.Millisecond) // no event says that a goroutine, a stream or a descriptor is gone
	}
}

// streams counts a host's streams of the protocol, by direction.
func streams(h host.Host) (in, out int) {
	for _, conn := range h.Network().Conns() {
		for _, s := range conn.GetStreams() {
			switch {
			case s.Protocol() != syncmod.ProtocolID:
			case s.Stat().Direction == network.DirInbound:
				in++
			default:
				out++
			}
		}
	}
	return in, out
}

// baseline counts what existed before the first cluster.
type baseline struct {
	goroutines  goleak.Option
	descriptors int
	patience    time.Duration
}

func newBaseline() baseline {
	return baseline{goroutines: goleak.IgnoreCurrent(), descriptors: descriptors(), patience: within}
}

// left returns an error that says what a cluster has left behind.
func (b baseline) left() error {
	if err := eventually(b.patience, func() error { return goleak.Find(b.goroutines) }); err != nil {
		return err
	}
	return eventually(b.patience, func() error {
		if now := descriptors(); now > b.descriptors {
			return fmt.Errorf("%d descriptors are open, %d were at the beginning: %v", now, b.descriptors, opened())
		}
		return nil
	})
}

func TestWhatIsLeftBehindIsFound(t *testing.T) {
	b := newBaseline()
	b.patience = 0
	require.NoError(t, b.left())

	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	if descriptors() > 0 { // not every system lists them
		require.ErrorContains(t, b.left(), "descriptors are open")
	}
	require.NoError(t, file.Close())

	end := make(chan struct{})
	go func() { <-end }()
	require.ErrorContains(t, b.left(), "TestWhatIsLeftBehindIsFound")
	close(end)
}

const fds = "/proc/self/fd"

// descriptors counts the open file descriptors, if the system lists them.
func descriptors() int {
	entries, err := os.ReadDir(fds)
	if err != nil {
		return 0
	}
	return len(entries)
}

func opened() (what []string) {
	entries, _ := os.ReadDir(fds) // descriptors has read it already
	for _, e := range entries {
		if target, err := os.Readlink(fds + "/" + e.Name()); err == nil {
			what = append(what, target)
		}
	}
	return what
}
