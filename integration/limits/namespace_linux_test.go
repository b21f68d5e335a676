package limits_test

import (
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink"

	"github.com/dkgsync/dkgsync/integration/netns"
)

// isolate gives the tests a network of their own. Its loopback device has the addresses of every place.
func isolate() error {
	if err := netns.Enter(); err != nil {
		return err
	}
	if err := address(); err != nil {
		panic(err) // without the addresses, the tests would show nothing
	}
	return nil
}

// address gives the loopback device the addresses of every place.
func address() error {
	device, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback device: %w", err)
	}
	for _, place := range places {
		for i := range place.nodes {
			at, err := netlink.ParseAddr(fmt.Sprintf("%s/%d", place.address(i), place.bits))
			if err != nil {
				return err
			}
			at.Flags = syscall.IFA_F_NODAD // lets an IPv6 address be used at once
			if err := netlink.AddrReplace(device, at); err != nil {
				return fmt.Errorf("giving the loopback device %s: %w", at, err)
			}
		}
	}
	return nil
}
