package main

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/netns"
)

// Each member has a machine of its own. alice and dave have public addresses. bob and
// carol are behind routers that translate their addresses.
func TestProcessesBehindRouters(t *testing.T) {
	for name, ports := range map[string]netns.Ports{
		"that keep ports":   netns.SamePort,   // holes can be punched
		"that change ports": netns.RandomPort, // no holes can be punched
	} {
		t.Run(name, func(t *testing.T) {
			netns.Need(t, isolated)
			c := newCluster(t, 1)
			internet := netns.New(t, "internet")
			internet.Forward(t)
			c.relay.http = "192.0.0.66:3640"
			c.relay.place = public(t, internet, "192.0.0.65", "192.0.0.66")
			c.members[0].place = public(t, internet, "192.0.0.69", "192.0.0.70")
			c.members[1].place = private(t, internet, "192.0.0.73", "192.0.0.74", ports)
			c.members[2].place = private(t, internet, "192.0.0.77", "192.0.0.78", ports)
			c.members[3].place = public(t, internet, "192.0.0.81", "192.0.0.82")

			require.NoError(t, c.play(bounded(t), story{kill: -1}))
		})
	}
}

// public returns a machine with a public address.
func public(t *testing.T, internet *netns.Namespace, gateway, at string) place {
	t.Helper()
	machine := netns.New(t, at)
	netns.Cable(t, internet, gateway+"/30", machine, at+"/30")
	machine.Default(t, gateway)
	listen := []string{"/ip4/" + at + "/tcp/9000", "/ip4/" + at + "/udp/9000/quic-v1"}
	return place{listen: listen, address: listen, start: within(t, machine)}
}

// private returns a machine behind a home router that has the public address.
func private(t *testing.T, internet *netns.Namespace, gateway, at string, ports netns.Ports) place {
	t.Helper()
	router, machine := netns.New(t, at), netns.New(t, "home of "+at)
	_, outside := netns.Cable(t, internet, gateway+"/30", router, at+"/30")
	netns.Cable(t, router, "10.0.0.1/24", machine, "10.0.0.2/24")
	router.Forward(t)
	router.Default(t, gateway)
	router.Masquerade(t, outside, ports)
	machine.Default(t, "10.0.0.1")
	return place{
		listen: []string{"/ip4/0.0.0.0/tcp/9000", "/ip4/0.0.0.0/udp/9000/quic-v1"},
		start:  within(t, machine),
	}
}

// within returns a function that starts processes on a machine.
func within(t *testing.T, machine *netns.Namespace) func(*exec.Cmd) error {
	t.Helper()
	return func(cmd *exec.Cmd) (err error) {
		machine.Within(t, func() { err = cmd.Start() })
		return err
	}
}
