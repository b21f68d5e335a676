package mesh_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/mesh"
)

// The four members of the tests. This node is alice.
const (
	alice = iota
	bob
	carol
	dave
	members
)

const (
	grace = 3 * time.Second
	both  = mesh.Inbound | mesh.Outbound
)

var start = time.Unix(1_700_000_000, 0)

func at(d time.Duration) time.Time { return start.Add(d) }

// sees returns the view of a member that is connected to all others, except for the
// given links.
func sees(member int, but map[int]mesh.Link) mesh.View {
	links := make([]mesh.Link, members)
	for i := range links {
		if i == member {
			continue
		}
		links[i] = both
		if l, ok := but[i]; ok {
			links[i] = l
		}
	}
	return mesh.NewView(links)
}

func newMesh() *mesh.Mesh { return mesh.New(start, members, alice, grace) }

func TestASeparatedPairIsBroken(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), dave, sees(dave, nil))
	m.Set(at(time.Second), bob, sees(bob, map[int]mesh.Link{carol: 0}))
	m.Set(at(2*time.Second), carol, sees(carol, map[int]mesh.Link{bob: 0}))

	require.Empty(t, m.Broken(at(3*time.Second)), "the pair has not been separated for the whole grace yet")
	require.Equal(t, []mesh.Pair{{A: bob, B: carol, Since: at(time.Second)}}, m.Broken(at(4*time.Second)))
}

func TestOneOfThePairIsEnoughToKnow(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), carol, sees(carol, map[int]mesh.Link{bob: 0}))

	require.Len(t, m.Broken(at(grace)), 1)
}

func TestAOneWayLinkIsBroken(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), bob, sees(bob, map[int]mesh.Link{carol: mesh.Inbound}))
	m.Set(at(0), carol, sees(carol, map[int]mesh.Link{bob: mesh.Outbound}))

	require.Equal(t, []mesh.Pair{{A: bob, B: carol, Since: at(0), BToA: true}}, m.Broken(at(grace)))
}

func TestAPairHasAGrace(t *testing.T) {
	m := newMesh()
	for _, i := range []int{alice, bob, dave} { // an hour without carol
		m.Set(at(0), i, sees(i, map[int]mesh.Link{carol: 0}))
	}
	require.Empty(t, m.Broken(at(time.Hour)))

	m.Set(at(time.Hour), alice, sees(alice, nil)) // carol connects to alice first

	require.Empty(t, m.Broken(at(time.Hour+grace-1)))
	require.Equal(t, []mesh.Pair{
		{A: bob, B: carol, Since: at(time.Hour)}, {A: carol, B: dave, Since: at(time.Hour)},
	}, m.Broken(at(time.Hour+grace)), "the other two links count as broken once the grace is over")
}

func TestAReturnedMemberHasAGrace(t *testing.T) {
	m := newMesh()
	for _, i := range []int{alice, bob, dave} {
		m.Set(at(0), i, sees(i, nil))
	}
	for _, i := range []int{alice, bob, dave} {
		m.Set(at(time.Minute), i, sees(i, map[int]mesh.Link{carol: 0}))
	}

	m.Set(at(time.Hour), alice, sees(alice, nil))

	require.Empty(t, m.Broken(at(time.Hour+grace-1)))
}

func TestADeniedLinkIsDisputed(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), dave, sees(dave, nil))
	m.Set(at(0), bob, sees(bob, map[int]mesh.Link{carol: 0}))
	m.Set(at(0), carol, sees(carol, nil))

	broken := m.Broken(at(grace))

	require.Len(t, broken, 1)
	require.True(t, broken[0].Disputed)
}

func TestAnAbsentMemberBreaksNoPair(t *testing.T) {
	m := newMesh()
	for _, i := range []int{alice, bob, dave} {
		m.Set(at(0), i, sees(i, map[int]mesh.Link{carol: 0}))
	}

	require.Empty(t, m.Broken(at(time.Hour)))

	by, not := m.Reach(carol)
	require.Empty(t, by)
	require.Equal(t, []int{bob, dave}, not)
}

func TestTheOthersMayReachAMember(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, map[int]mesh.Link{carol: 0}))
	m.Set(at(0), bob, sees(bob, nil))
	m.Set(at(0), dave, sees(dave, nil))

	by, not := m.Reach(carol)
	require.Equal(t, []int{bob, dave}, by)
	require.Empty(t, not)
	require.Equal(t, []mesh.Pair{{A: alice, B: carol, Since: at(0)}}, m.Broken(at(grace)))
}

func TestADoneMemberIsNotMissed(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), dave, sees(dave, nil))
	m.Set(at(0), bob, sees(bob, map[int]mesh.Link{carol: mesh.Done}))

	require.Empty(t, m.Broken(at(time.Hour)))
}

func TestAReconnectedPairIsWhole(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), bob, sees(bob, map[int]mesh.Link{carol: 0}))
	m.Set(at(time.Minute), bob, sees(bob, nil))

	require.Empty(t, m.Broken(at(2*time.Minute)))

	m.Set(at(3*time.Minute), bob, sees(bob, map[int]mesh.Link{carol: 0}))
	require.Equal(t, at(3*time.Minute), m.Broken(at(4 * time.Minute))[0].Since)
}

func TestForgetDropsAMembersView(t *testing.T) {
	m := newMesh()
	m.Set(at(0), alice, sees(alice, nil))
	m.Set(at(0), bob, sees(bob, map[int]mesh.Link{carol: 0}))

	m.Forget(at(time.Second), bob)

	require.Nil(t, m.View(bob))
	require.Empty(t, m.Broken(at(time.Hour)))
}

func TestAnInvalidViewVoidsTheLast(t *testing.T) {
	whole := sees(bob, nil)
	for name, view := range map[string]mesh.View{
		"too short":                 whole[:1],
		"too long":                  append(append(mesh.View{}, whole...), 0),
		"nothing":                   {},
		"one that has itself in it": mesh.NewView([]mesh.Link{both, both, both, both}),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh()

			require.False(t, m.Set(at(0), bob, view))
			require.Nil(t, m.View(bob))

			m.Set(at(0), alice, sees(alice, nil))
			m.Set(at(0), bob, sees(bob, map[int]mesh.Link{carol: 0}))
			require.Len(t, m.Broken(at(grace)), 1)
			require.True(t, m.Set(at(0), bob, view))
			require.Nil(t, m.View(bob))
			require.Empty(t, m.Broken(at(grace)))
			require.False(t, m.Set(at(0), bob, view))
		})
	}
	t.Run("with a member that does not exist", func(t *testing.T) {
		m := mesh.New(start, 3, alice, grace)

		require.False(t, m.Set(at(0), bob, mesh.NewView([]mesh.Link{both, 0, both, both})))
		require.True(t, m.Set(at(0), bob, mesh.NewView([]mesh.Link{both, 0, both})))
	})
}

func TestARepeatedViewIsNoNews(t *testing.T) {
	m := newMesh()

	require.True(t, m.Set(at(0), bob, sees(bob, nil)))
	require.False(t, m.Set(at(time.Second), bob, sees(bob, nil)))
}

func TestBrokenPairsAreBounded(t *testing.T) {
	const n = 400
	m := mesh.New(start, n, 0, 0)
	for i := range n {
		links := make([]mesh.Link, n)
		links[(i+1)%n], links[(i+n-1)%n] = both, both
		m.Set(at(0), i, mesh.NewView(links))
	}

	require.Len(t, m.Broken(at(time.Minute)), 1024)
}

// A view has 4 bits for each member, with the low half of a byte first.
func TestTheViewOfFourMembers(t *testing.T) {
	view := mesh.NewView([]mesh.Link{0, both, both | mesh.Relayed, mesh.Done})

	require.Equal(t, mesh.View{0x30, 0x87}, view)
	require.Equal(t, both|mesh.Relayed, view.Link(2))
}
