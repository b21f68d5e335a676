// Package netns gives tests machines of their own: network namespaces of Linux, cables between them, routers that
// translate addresses, and firewalls. None of this needs root or a tool of the system: [Enter] runs the tests once more
// in a user namespace, where they may do all of it, and where all of it ends with them.
//
//	func TestMain(m *testing.M) {
//		isolated = netns.Enter()
//		os.Exit(m.Run())
//	}
//
//	func TestX(t *testing.T) {
//		netns.Need(t, isolated)
//		internet, alice := netns.New(t, "internet"), netns.New(t, "alice")
//		netns.Cable(t, internet, "192.0.0.65/30", alice, "192.0.0.66/30")
//		alice.Default(t, "192.0.0.65")
//		alice.Start(t, exec.Command("node", …))
//	}
//
// The addresses 192.0.0.64 to 192.0.0.255 are nobody's (RFC 6890), and libp2p takes them for public ones.
package netns
