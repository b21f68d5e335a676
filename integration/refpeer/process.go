package refpeer

// Process is what the programs do by themselves. They dial only members with larger peer
// IDs, and wait for the others to dial them. Once a program is connected with everyone,
// both ways, it announces step 1, whatever its operator does, and goes through the
// steps. It ends with its first error, and its host with it: then nobody is told.
type Process struct {
	Steps int
}

// Exited is what a process ends with: nothing before, nil after a whole ceremony.
func (p *Peer) Exited() <-chan error { return p.exited }

func (p *Peer) live() {
	err := p.Run(p.ctx, p.opts.Process.Steps)
	if err != nil {
		p.cancel()
		_ = p.host.Close()
	}
	p.exited <- err
}
