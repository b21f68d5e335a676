package faults

import (
	"context"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// Faults of whole processes. carol runs in a process of her own, and the logs of the
// others are those of their nodes.

// processes starts a ceremony in which carol is a process, and takes it to step 1.
func (s *scene) processes() (*harness.Cluster, *harness.Process) {
	c := harness.New(s.t, operators, harness.With(config()))
	c.Start(alice, bob)
	p := c.Spawn(carol)
	c.Connect(alice, bob)
	p.Advance()
	c.Advance(alice, bob)
	p.Wait(func(r harness.Report) bool { return r.Passed == 1 })
	return c, p
}

// outcome waits until the others have failed, and keeps the logs of all.
func (s *scene) outcome(c *harness.Cluster, p *harness.Process, carolLogged string) {
	_ = c.Each([]int{alice, bob}, func(ctx context.Context, ceremony *syncmod.Ceremony) error {
		_, err := ceremony.Advance(ctx)
		return err
	})
	c.Stop(alice, bob) // so that all of their reports are written
	for i, text := range []string{c.Nodes[alice].Logged(), c.Nodes[bob].Logged(), carolLogged + p.Logged()} {
		_, _ = s.nodes[i].log.Write([]byte(operatorLines(text)))
	}
}

func killed(s *scene) {
	c, p := s.processes()
	p.Kill()
	s.outcome(c, p, "")
}

func frozen(s *scene) {
	c, p := s.processes()
	p.Freeze()
	s.outcome(c, p, "")
}

func restarted(s *scene) {
	c, p := s.processes()
	p.Kill()
	before := p.Logged()
	p = c.Spawn(carol)
	s.outcome(c, p, before)
}
