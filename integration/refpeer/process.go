package refpeer

// Process makes a peer act as the programs do. They dial only members with larger peer
// IDs, and wait for the others to dial them. Once a program is connected to everyone in
// both directions, it announces step 1, whatever its operator does, and goes through the
// steps. It ends with its first error, and its host ends too, so the others are not
// told.
type Process struct {
	Steps int
}

// Exited returns a channel with the result of the process: nil after a whole ceremony, or its
// error. The channel is empty until then.
func (p *Peer) Exited() <-chan error { return p.exited }

func (p *Peer) live() {
	err := p.Run(p.ctx, p.opts.Process.Steps)
	if err != nil {
		p.cancel()
		_ = p.host.Close()
	}
	p.exited <- err
}
