package syncmod

import (
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// handle handles what has happened: it is reported, and a failure or completion
// ends the ceremony. The lock is held.
func (c *core) handle(now time.Time, e roster.Event) {
	switch e.Type {
	case roster.Announced:
		c.since = now
		c.endWork(now)
	case roster.MemberConnected:
		c.reportMember(now, e, report.MemberConnected)
	case roster.MemberLost:
		c.reportMember(now, e, report.MemberLost)
	case roster.MemberReplaced:
		c.reportMember(now, e, report.MemberReplaced)
	case roster.KeyInUse:
		c.reportMember(now, e, report.MemberKeyInUse)
	case roster.SaidGoodbye:
		c.reportMember(now, e, report.MemberGoodbye)
	case roster.BarrierPassed:
		c.handlePassed(now, e)
	case roster.StillWaiting:
		c.report.WaitReport(report.WaitReport{
			Kind: e.Barrier.Kind.String(), Step: e.Barrier.Step, Started: e.From, Ended: now,
			Elapsed: now.Sub(e.Barrier.Since), Missing: e.Missing, Who: c.describe(now, e.Missing),
		})
	case roster.Completed:
		c.end(now)
	case roster.CeremonyFailed:
		c.handleFailed(now, e)
	case roster.AllConnected, roster.MemberStepped, roster.Arrived, roster.AnsweredGoodbye:
	}
}

func (c *core) handlePassed(now time.Time, e roster.Event) {
	o := report.Barrier{
		Kind: e.Barrier.Kind.String(), Step: e.Barrier.Step, Started: e.Barrier.Since, Ended: now,
		Arrivals: e.Arrivals, Last: e.Last,
	}
	switch e.Barrier.Kind {
	case roster.BarrierStep:
		if e.Barrier.Step == 1 {
			digest := stream.AttemptDigest(c.roster.Sessions())
			c.attempt = digest[:]
			c.roster.SetAttempt(now, digest)
		}
		o.Name = c.stepName
		if !c.roster.SayingGoodbye() {
			c.working = report.Step{Step: e.Barrier.Step, Name: c.stepName, Started: now}
		}
	case roster.BarrierShutdown:
		o.Err, o.Type = c.goodbyeErr, errorType(c.goodbyeErr)
	case roster.BarrierConnected:
	}
	c.report.Barrier(o)
}

func (c *core) handleFailed(now time.Time, e roster.Event) {
	c.setFailed(c.err)
	c.endWork(now)
	if e.Barrier.Kind != 0 {
		f := c.roster.Failure()
		c.report.Barrier(report.Barrier{
			Kind: e.Barrier.Kind.String(), Step: c.roster.Step(), Name: c.stepName,
			Started: e.Barrier.Since, Ended: now, Last: f.Culprit, Err: c.err, Type: kindOf(f.Kind).errorType,
		})
	}
	c.end(now)
}

// endWork reports the work between two barriers, when it is over.
func (c *core) endWork(now time.Time) {
	if c.working.Started.IsZero() {
		return
	}
	c.working.Ended = now
	c.report.Step(c.working)
	c.working = report.Step{}
}

// reportMember reports that a member is connected both ways, or is not any more.
func (c *core) reportMember(now time.Time, e roster.Event, what string) {
	m := c.roster.Member(e.Member)
	other := m.Inbound
	if e.Inbound {
		other = m.Outbound
	}
	switch {
	case c.roster.Phase() >= roster.Complete:
		return
	case what == report.MemberConnected && (!m.Inbound || !m.Outbound):
		return // one direction alone is not news yet
	case what == report.MemberLost && (!other || c.roster.SayingGoodbye() || m.Done):
		return // it was not connected, or is expected to leave
	}
	connected := len(c.def.Peers) - len(c.roster.Missing(now, roster.Barrier{Kind: roster.BarrierConnected}))
	o := report.Member{Peer: e.Member, What: what, At: now, Connected: connected}
	if what == report.MemberLost && !e.Inbound { // else the last error of our stream is an old one
		o.Err = m.LastError
	}
	c.report.Member(o)
}

// describe says how members stand, in a sentence.
func (c *core) describe(now time.Time, members []int) string {
	who := make([]string, len(members))
	for i, m := range members {
		p := c.peerStatus(m)
		who[i] = displayName(p.Peer) + " (" + p.describe(now) + ")"
	}
	return strings.Join(who, ", ")
}

// snapshot is what metrics observe.
func (c *core) snapshot() report.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := report.Snapshot{Step: c.roster.Step()}
	if c.roster.Phase() >= roster.Complete {
		return s // nobody misses a member that is gone now
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
	return s
}

// status is how the ceremony stands. The lock is held.
func (c *core) status() Status {
	s := Status{Phase: c.phase, Step: c.roster.Step(), StepName: c.stepName, Since: c.since, Err: c.err}
	for i := range c.def.Peers {
		if i != c.terms.Self {
			s.Peers = append(s.Peers, c.peerStatus(i))
		}
	}
	return s
}

func (c *core) peerStatus(i int) PeerStatus {
	m := c.roster.Member(i)
	if c.roster.KeyInUse(time.Now(), i) {
		m.LastError = ErrKeyInUse
	}
	return PeerStatus{
		Index: i, Peer: c.def.Peers[i].clone(), Waiting: printable(m.Waiting, maxSaid),
		Nickname: printable(m.Nickname, 4*maxNickname), Version: printable(m.Version, maxNickname),
		Inbound: m.Inbound, Outbound: m.Outbound, Relayed: m.Relayed,
		Step: m.Step, Done: m.Done, answered: m.Answered,
		LastSeen: m.LastSeen, Since: m.Since, RTT: m.RTT,
		Reconnects: m.Reconnects, Attempts: m.Attempts, LastError: m.LastError,
	}
}

// watch returns the status, and a channel that closes when it has changed.
func (c *core) watch() (Status, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status(), listen(&c.watched)
}
