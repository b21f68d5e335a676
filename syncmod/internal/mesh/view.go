// Package mesh holds how the members of a ceremony see each other: the view that each
// member sends with its heartbeats, and what follows from all views together. A view is
// only a claim of its member. This package has no rules: it explains a wait, and never
// ends one.
//
// Like the rules, it is pure: it has no I/O, clock, goroutine, lock or log.
package mesh

// Link is how a member sees another member. Its bits are the bits of a view on the
// wire.
type Link uint8

// The bits of a link.
const (
	Inbound  Link = 1 << iota // the other member's stream to this member is alive
	Outbound                  // this member's stream to the other member is alive
	Relayed                   // this member's stream runs through a relay
	Done                      // the other member has said goodbye

	up   = Inbound | Outbound
	bits = 4
)

// Up reports whether both streams are alive.
func (l Link) Up() bool { return l&up == up }

// View is how one member sees every member, in operator order. Each link takes half a
// byte, the low half first (docs/protocol.md, "Views"). A view must not change once it
// is made.
type View []byte

// size returns the size of a view in a ceremony with the given number of members.
func size(members int) int { return (members + 1) / 2 }

// NewView returns a view with the given links.
func NewView(links []Link) View {
	v := make(View, size(len(links)))
	for i, l := range links {
		v[i/2] |= byte(l) << (i % 2 * bits)
	}
	return v
}

// Link returns how the member sees another member.
func (v View) Link(i int) Link { return Link(v[i/2] >> (i % 2 * bits) & (1<<bits - 1)) }

// IsOf reports whether a view is possible for a member of a ceremony of the given size.
// It must have the right length, and nothing about the member itself or about members
// that do not exist.
func (v View) IsOf(member, members int) bool {
	if len(v) != size(members) || v.Link(member) != 0 {
		return false
	}
	return members%2 == 0 || v.Link(members) == 0
}
