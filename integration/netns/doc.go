// Package netns gives tests machines of their own: Linux network namespaces, cables between them, routers that
// translate addresses, and firewalls. The tests need neither root nor system tools: [Enter] runs them again in a user
// namespace, where they have the necessary rights. Everything that they make there ends with them.
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
// The addresses 192.0.0.64 to 192.0.0.255 belong to nobody (RFC 6890), and libp2p treats them as public.
package netns
