package limits_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func libp2pAlone() libp2p.Option { return libp2p.DefaultResourceManager }

var loopback = place{family: "ip4", address: func(int) string { return "127.0.0.1" }}

func TestALimitInTheWayIsNamed(t *testing.T) {
	for name, scene := range map[string]struct {
		hosts      func(*testing.T) []host.Host
		ceremonies int
		reason     string
	}{
		"streams of a peer": {
			func(t *testing.T) []host.Host { return loopback.hosts(t, 2, tcp, libp2pAlone) }, 100,
			"its host has reached a limit",
		},
		"streams of a QUIC connection": {
			func(t *testing.T) []host.Host { return loopback.hosts(t, 2, quic, manager(t, 2, 270)) }, 270,
			"the QUIC connection has no room for another stream",
		},
		"connections by address": {
			func(t *testing.T) []host.Host {
				needsNamespace(t)
				return places[0].hosts(t, 10, tcp, libp2pAlone)
			}, 1,
			"this host's resource manager has reached a limit: connections per ip",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ceremonies := open(t, scene.hosts(t), scene.ceremonies)

			said := func() bool { return says(ceremonies, scene.reason) }
			require.Eventually(t, said, 2*harness.Patience, 100*time.Millisecond)
		})
	}
}

// says reports whether the status of any of these ceremonies gives the
// reason.
func says(ceremonies []*syncmod.Ceremony, reason string) bool {
	for _, c := range ceremonies {
		for _, p := range c.Status().Peers {
			if !p.Outbound && p.LastError != nil && strings.Contains(p.LastError.Error(), reason) {
				return true
			}
		}
	}
	return false
}

// open opens that many ceremonies of all hosts, on each host.
func open(t *testing.T, hosts []host.Host, ceremonies int) (opened []*syncmod.Ceremony) {
	t.Helper()
	for _, h := range hosts {
		s := harness.StartService(t, h, syncmod.Config{})
		for i := range ceremonies {
			c, err := s.Open(harness.Define(fmt.Sprint(t.Name(), i), hosts...))
			require.NoError(t, err)
			opened = append(opened, c)
		}
	}
	return opened
}
