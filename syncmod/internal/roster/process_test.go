package roster_test

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// process is one run of a node's program: a roster, and the client half of the
// shell around it. The server half is in the streams.
type process struct {
	world   *world
	index   int
	number  int    // the number of earlier processes of its node
	session uint64 // 0: a foreign node, which has no session and sees none
	hostile bool   // it may say anything, and has no roster
	roster  *roster.Roster
	clients []outbound        // to each member; a hostile process has none
	heard   map[*process]bool // the processes whose requests it has accepted
	claimed int64             // the highest step that the hostile member has told it

	aborts []abort               // the reasons that a hostile process has given
	lies   []*roster.Attestation // what a hostile process attests

	announced roster.Announcement // what it says to everyone
	failure   *roster.Failure     // as first seen
	first     roster.Failure      // a copy of it
	inbound   []bool              // which members are connected, according to the events
	outbound  []bool
	arrived   []int64 // the last barrier that each member arrived at, according to the events
	passed    int64
	connected int // how many times all members became connected, according to the events
	complete  int
	waits     []roster.Barrier // the barriers that it has not reached yet
	attempted bool             // its roster knows which attempt this is
}

// outbound is the client's side towards one member.
type outbound struct {
	stream *stream // the stream that it writes to; nil: none
	old    *stream // the stream that it moves away from, until the first answer on the new one
}

// question is what a client remembers of a request until the answer comes.
type question struct{ goodbye, abort bool }

// last reports whether nothing is said after the question.
func (q question) last() bool { return q.goodbye || q.abort }

func newProcess(w *world, index, number int, session uint64) *process {
	version, err := roster.ParseVersion("v1.11")
	if err != nil {
		panic(err)
	}
	n := w.members
	p := &process{
		world: w, index: index, number: number, session: session,
		roster: roster.New(w.now, roster.Config{
			Members: n, Self: index, Session: session, Version: version, VersionText: "v1.11",
		}),
		clients: make([]outbound, n), heard: map[*process]bool{},
		inbound: make([]bool, n), outbound: make([]bool, n), arrived: make([]int64, n),
		waits: []roster.Barrier{roster.StepBarrier(1), roster.StepBarrier(w.last), roster.ShutdownBarrier()},
	}
	if err := p.roster.Attest(w.results[index]); err != nil {
		w.t.Fatalf("%v cannot attest anything: %v", p, err)
	}
	p.roster.Open(w.now)
	p.observe()
	return p
}

// String names the process: its node, and which of the node's processes it is.
func (p *process) String() string {
	if p.session == 0 {
		return name(p.index) + "(foreign)"
	}
	return fmt.Sprintf("%s(%#x)", name(p.index), p.session)
}

func (p *process) alive() bool  { return p.world.nodes[p.index] == p }
func (p *process) failed() bool { return !p.hostile && p.roster.Phase() == roster.Failed }

// over reports whether members no longer count as missing.
func (p *process) over() bool { return p.roster.Phase() >= roster.Complete || p.roster.SayingGoodbye() }

// mayRestart reports whether a restart may go unnoticed: only before step 1.
func (p *process) mayRestart() bool { return !p.hostile && p.roster.Step() == 0 }

// mayAnnounce reports whether it is this node's turn to announce the next step.
func (p *process) mayAnnounce() bool {
	r := p.roster
	return !p.hostile && r.Phase() < roster.Complete && r.Last() == 0 && r.Passed() == r.Step()
}

// announce goes to the next step, and announces it on every stream at once.
func (p *process) announce() {
	step := p.roster.Step() + 1
	announce := p.roster.Announce
	if step == p.world.last {
		announce = p.roster.AnnounceLast
	}
	if err := announce(p.world.now, step); err != nil {
		p.world.t.Fatalf("%v cannot announce step %d: %v", p, step, err)
	}
	p.observe()
}

// awaitConnected waits for all members to be connected.
func (p *process) awaitConnected() {
	if b := p.roster.AwaitConnected(p.world.now); !p.roster.Reached(b) {
		p.waits = append(p.waits, b)
	}
	p.observe()
}

// broadcast writes an announcement to every member.
func (p *process) broadcast(a roster.Announcement) {
	p.announced = a
	for j := range p.clients {
		if s := p.clients[j].stream; s != nil {
			p.write(s)
		}
	}
}

// repeatStep repeats the announcement on every stream to a member.
func (p *process) repeatStep(j int) {
	cl := &p.clients[j]
	for _, s := range []*stream{cl.old, cl.stream} {
		if s != nil && !slices.ContainsFunc(s.outstanding, question.last) {
			p.write(s)
		}
	}
}

// attemptIn returns the digest of the sessions of an attempt.
func attemptIn(sessions []uint64) (attempt [8]byte) {
	sum := sha256.Sum256(fmt.Append(nil, sessions))
	copy(attempt[:], sum[:])
	return attempt
}

// endStreams ends all streams.
func (p *process) endStreams() {
	for _, s := range p.world.streams {
		if s.client == p && s.clientOpen {
			p.hangUp(s)
		}
		if s.server == p && s.handler != returned {
			s.broken = true
		}
	}
}

// wants reports whether there is something left to say to a member.
func (p *process) wants(j int) bool {
	return j != p.index && !p.failed() && !p.roster.Member(j).Answered
}

// open opens a stream to a member and announces the current step on it.
func (p *process) open(j int) {
	s := p.world.newStream(p.index, p.world.nodes[j], p)
	p.clients[j].stream = s
	p.roster.OutboundOpened(j, s.id, false)
	p.observe()
	p.write(s)
}

// migrate opens a second stream. The first one lives on until the new one has had
// its first answer.
func (p *process) migrate(j int) {
	old := p.clients[j].stream
	p.open(j)
	p.clients[j].old = old
}

// mayMigrate reports whether a stream has proved to work and has nothing
// outstanding.
func (p *process) mayMigrate(j int) bool {
	cl := &p.clients[j]
	return cl.stream != nil && cl.old == nil && p.session != 0 && !p.failed() && !p.roster.SayingGoodbye() &&
		p.roster.Member(j).Outbound && len(cl.stream.outstanding) == 0
}

// write writes the announcement on a stream.
func (p *process) write(s *stream) {
	a := p.announced
	q := roster.Request{
		Version: "v1.11", Signed: true, Session: p.session, Addressee: p.roster.Member(s.server.index).Session,
		Step: a.Step, Shutdown: a.Goodbye, Culprit: a.Culprit, Reporter: a.Reporter,
	}
	if a.Step > 1 && p.session != 0 {
		q.Attempt, q.HasAttempt = attemptIn(p.roster.Sessions()), true
	}
	if p.session != 0 {
		q.Attestation = a.Attestation
	}
	if f := a.Failure; f != nil {
		q.Aborted, q.Differ, q.Abort = true, f.Kind == roster.ResultMismatch, reason(f)
		q.Attestation = nil
	}
	s.outstanding = append(s.outstanding, question{q.Shutdown, q.Aborted})
	s.send(q)
}

// response passes an answer to the roster.
func (p *process) response(s *stream, a roster.Response) {
	if len(s.outstanding) == 0 {
		p.hangUp(s) // an answer to no request
		return
	}
	j := s.server.index
	asked := s.outstanding[0]
	s.outstanding = s.outstanding[1:]
	a.Goodbye, a.Abort = asked.goodbye, asked.abort
	reply := p.roster.Response(p.world.now, j, s.id, a)
	if reply != roster.Continue {
		p.world.log("%v answers %v, stream %d: %s", s.server, p, s.id, reply)
	}
	p.observe()
	cl := &p.clients[j]
	if s != cl.stream || reply != roster.Continue {
		p.hangUp(s)
		return
	}
	if cl.old != nil {
		p.hangUp(cl.old)
	}
}

// hangUp ends the client's side of a stream, and of the stream that the client was
// moving away from.
func (p *process) hangUp(s *stream) {
	s.clientOpen = false
	j := s.server.index
	cl := &p.clients[j]
	switch s {
	case cl.old:
		cl.old = nil
	case cl.stream:
		cl.stream = nil
		if old := cl.old; old != nil {
			p.hangUp(old)
		}
	}
	p.roster.OutboundDown(p.world.now, j, s.id, errLost)
	p.observe()
}
