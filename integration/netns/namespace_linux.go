package netns

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Namespace is a machine on the network, with its own devices, addresses, routes and rules.
type Namespace struct {
	name    string
	handle  netns.NsHandle
	devices int
}

// New makes a namespace that ends with the test. Its name is for messages.
func New(t testing.TB, name string) *Namespace {
	t.Helper()
	n := &Namespace{name: name}
	onOwnThread(t, func() {
		var err error
		n.handle, err = netns.New() // netns.New also moves the thread there
		require.NoError(t, err, name)
		require.NoError(t, raiseLoopback(), name)
	})
	t.Cleanup(func() { _ = n.handle.Close() })
	return n
}

// onOwnThread calls f on a thread that nobody uses afterwards, so f may move it to another namespace.
func onOwnThread(t testing.TB, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() {
		runtime.LockOSThread() // without unlocking: the thread ends with the goroutine
		ok := false
		defer func() { done <- ok }() // also after a failed requirement
		f()
		ok = true
	}()
	if !<-done {
		t.FailNow()
	}
}

// in calls f on a thread that is in the namespace.
func (n *Namespace) in(t testing.TB, f func()) {
	t.Helper()
	onOwnThread(t, func() {
		require.NoError(t, netns.Set(n.handle), n.name)
		f()
	})
}

// Start starts a process in the namespace. If the process still runs at the end of the test, it is killed.
func (n *Namespace) Start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	n.in(t, func() { require.NoError(t, cmd.Start(), n.name) })
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

// Cable connects two namespaces and gives its ends these addresses, such as 192.0.0.65/30. It returns the names of the
// devices at the ends.
func Cable(t testing.TB, a *Namespace, addrA string, b *Namespace, addrB string) (deviceA, deviceB string) {
	t.Helper()
	deviceA, deviceB = a.nextDevice(), b.nextDevice()
	a.in(t, func() {
		require.NoError(t, netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: deviceA},
			PeerName:  deviceB, PeerNamespace: netlink.NsFd(b.handle),
		}))
	})
	a.address(t, deviceA, addrA)
	b.address(t, deviceB, addrB)
	return deviceA, deviceB
}

func (n *Namespace) nextDevice() string {
	n.devices++
	return "cable" + string(rune('a'+n.devices-1))
}

func (n *Namespace) address(t testing.TB, device, addr string) {
	t.Helper()
	n.in(t, func() {
		link, err := netlink.LinkByName(device)
		require.NoError(t, err)
		at, err := netlink.ParseAddr(addr)
		require.NoError(t, err)
		at.Flags = syscall.IFA_F_NODAD // lets an IPv6 address be used at once
		require.NoError(t, netlink.AddrReplace(link, at))
		require.NoError(t, netlink.LinkSetUp(link))
	})
}

// Default sends everything that is not for a neighbour to a gateway.
func (n *Namespace) Default(t testing.TB, gateway string) {
	t.Helper()
	n.in(t, func() { require.NoError(t, netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)})) })
}

// Forward makes the namespace a router.
func (n *Namespace) Forward(t testing.TB) {
	t.Helper()
	n.in(t, func() { require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600)) })
}
