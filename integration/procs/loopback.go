package main

import (
	"fmt"
	"io"
	"os/exec"
)

// onLoopback returns a cluster on the loopback interface. Bob and carol are firewalled:
// they do not listen, and the definition has no addresses for them. The cluster's ports
// stay reserved until release is called.
func onLoopback(fxapp, dir string, attempts int, show io.Writer) (c *cluster, release func(), err error) {
	c = &cluster{fxapp: fxapp, dir: dir, attempts: attempts, show: &screen{out: show}}
	var ports []*port
	release = func() {
		for _, p := range ports {
			p.release()
		}
	}
	for range 4 {
		p, err := reservePort()
		if err != nil {
			release()
			return nil, nil, err
		}
		ports = append(ports, p)
	}
	at := func(p *port) place {
		listen := []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", p.number)}
		return place{listen: listen, address: listen, start: (*exec.Cmd).Start}
	}
	c.relay = relay{place: at(ports[0]), http: fmt.Sprintf("127.0.0.1:%d", ports[1].number)}
	firewalled := place{start: (*exec.Cmd).Start}
	c.members = []*member{
		{name: "alice", place: at(ports[2])},
		{name: "bob", place: firewalled},
		{name: "carol", place: firewalled},
		{name: "dave", place: at(ports[3])},
	}
	return c, release, nil
}
