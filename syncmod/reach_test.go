package syncmod

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/mesh"
)

// There are five members. This node is operator 0, and is not connected with
// operator 2.
func TestReachNamesTheNetworkToCheck(t *testing.T) {
	type connected = map[int]bool
	const long = time.Minute
	now := time.Now()
	for name, test := range map[string]struct {
		says connected // whether the member is connected with operator 2
		lost time.Duration
		want string
	}{
		"nobody says": {nil, long, ""},
		"everyone does": {
			connected{1: true, 3: true, 4: true},
			long,
			"but b, d and e reach it: check this node's network",
		},
		"one does, and nobody denies": {connected{1: true}, long, "but b reaches it: check this node's network"},
		"one of three does": {
			connected{1: false, 3: true, 4: false},
			long,
			"only d reaches it: check its network",
		},
		"nobody does":                         {connected{1: false, 3: false, 4: false}, long, "nobody reaches it"},
		"one does not":                        {connected{4: false}, long, "e cannot reach it either"},
		"two do not":                          {connected{1: false, 4: false}, long, "b and e cannot reach it either"},
		"the others may not have noticed yet": {connected{1: true, 3: true, 4: true}, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := &core{
				svc: &Service{cfg: Config{}.withDefaults()}, def: Definition{Peers: make([]Peer, 5)},
				called: []string{"a", "b", "c", "d", "e"},
			}
			c.mesh = mesh.New(now, 5, 0, time.Second)
			for member, up := range test.says {
				links := make([]mesh.Link, 5)
				if up {
					links[2] = mesh.Inbound | mesh.Outbound
				}
				links[(member+1)%5] |= mesh.Inbound // so that no view is empty
				links[member] = 0
				require.True(t, c.mesh.Set(now, member, mesh.NewView(links)))
			}

			require.Equal(t, test.want, c.reachText(now, 2, now.Add(-test.lost)))
		})
	}
}
