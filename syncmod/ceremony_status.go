package syncmod

import (
	"errors"
	"slices"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// peerStatuses returns the status of each of the given members.
func (c *core) peerStatuses(members []int) []PeerStatus {
	peers := make([]PeerStatus, len(members))
	for i, m := range members {
		peers[i] = c.peerStatus(m)
	}
	return peers
}

// snapshot returns what metrics observe.
func (c *core) snapshot() report.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := report.Snapshot{Step: c.roster.Step()}
	if c.roster.Phase() >= roster.Complete {
		return s // the ceremony is over: metrics do not show a member that has left as missing
	}
	s.Peers = make([]report.PeerSnapshot, len(c.def.Peers))
	for i := range s.Peers {
		if i == c.terms.Self {
			continue
		}
		m := c.roster.Member(i)
		s.Peers[i] = report.PeerSnapshot{Inbound: m.Inbound, Outbound: m.Outbound, Step: m.Step, LastSeen: m.LastSeen}
	}
	if b, waits := c.roster.Waiting(); waits {
		missing := c.roster.Missing(time.Now(), b)
		s.Waiting = &report.WaitingSnapshot{Kind: b.Kind.String(), Since: b.Since, Missing: len(missing)}
	}
	s.Broken = len(c.mesh.Broken(time.Now()))
	return s
}

// status returns the current status of the ceremony. The caller holds the lock.
func (c *core) status() Status {
	now := time.Now()
	s := Status{
		Phase: c.phase, Step: c.roster.Step(), StepName: c.stepName, Since: c.since, Err: c.err,
		Attempt: c.attempt.shown(), Retried: c.retried(), Steps: c.steps, Passed: slices.Clip(c.passed),
		Broken: c.broken(now), At: now, called: c.called,
		Observes: c.terms.Observes, Nickname: c.terms.Nickname, Version: c.terms.Version,
	}
	for i := range c.def.Peers {
		if i != c.terms.Self {
			s.Peers = append(s.Peers, c.peerStatus(i))
		}
	}
	s.unsaid, _ = errors.AsType[*WaitError](c.goodbyeErr)
	if barrier, waits := c.awaited(); waits {
		s.barrier = barrier
		for _, i := range c.roster.Missing(now, barrier) {
			if i > c.terms.Self {
				i-- // this node is not in the list
			}
			s.Peers[i].missing = true
		}
	}
	return s
}

// awaited returns the barrier that this node waits at. A ceremony that only looks passes
// no barrier, so it always waits at the first.
func (c *core) awaited() (roster.Barrier, bool) {
	if c.terms.Observes && c.phase == Connecting {
		return roster.Barrier{Kind: roster.BarrierConnected, Since: c.since}, true
	}
	return c.roster.Waiting()
}

func (c *core) peerStatus(i int) PeerStatus {
	m := c.roster.Member(i)
	if c.roster.KeyInUse(time.Now(), i) {
		m.LastError = ErrKeyInUse
	}
	p := PeerStatus{
		Index: i, Peer: c.def.Peers[i].clone(), Waiting: printable(m.Waiting, maxSaid),
		Nickname: printable(m.Nickname, 4*maxNickname), Version: printable(m.Version, maxNickname),
		Inbound: m.Inbound, Outbound: m.Outbound, Relayed: m.Relayed,
		Step: m.Step, Done: m.Done, answered: m.Answered, called: c.called[i],
		ClockOffset: c.clocks[i].offset(), clockWrong: c.clocks[i].isWrong(),
		LastSeen: m.LastSeen, Since: m.Since, RTT: m.RTT,
		Reconnects: m.Reconnects, Attempts: m.Attempts, LastError: m.LastError,
		View: c.viewOf(i), Fault: c.fault(m.Fault),
	}
	if f := c.roster.Failure(); f != nil && f.Kind == roster.VersionMismatch && f.Culprit == i {
		p.Version = printable(f.Theirs, maxNickname) // the failure has it, but the member's record never got it
	}
	if !p.Inbound && !p.Outbound && p.Waiting == "" { // only for a member that neither reaches this node nor answers it
		p.reach = c.reachText(time.Now(), i, m.Since)
	}
	return p
}

// watch returns the status, and a channel that is closed when the status has
// changed. Once the ceremony is over, it returns the status at its end.
func (c *core) watch() (Status, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		return *c.last, nil
	}
	return c.status(), listen(&c.watched)
}

func (c *core) statusNow() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status()
}
