package roster_test

import (
	"fmt"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// process is one run of a node's program: a roster, and the client half of the
// shell around it. The server half is in the streams.
type process struct {
	world   *world
	index   int
	number  int    // how many processes of its node there were before
	session uint64 // 0: a foreign node, which has none and sees none
	hostile bool   // it says what it likes, and has no roster
	roster  *roster.Roster
	lines   []line            // to each member; none of a hostile one
	heard   map[*process]bool // whose requests it has accepted
	claimed int64             // the highest step that the hostile member has told it

	aborts []abort // the reasons that a hostile one has given

	failure  *roster.Failure // as first seen
	first    roster.Failure  // the same, copied
	farewell bool            // it has passed the last barrier
	inbound  []bool          // which members are connected, as the events tell it
	outbound []bool
	arrived  []int64 // the last barrier that each member arrived at, as the events tell it
	passed   int64
	complete int
}

// line is the client's side towards one member.
type line struct {
	stream *stream // what it writes to, nil when there is none
	old    *stream // what it moves away from, until the first answer on the new one
	stale  bool    // the member has been replaced: the stream may lead nowhere
}

func newProcess(w *world, index, number int, session uint64) *process {
	version, err := roster.ParseVersion("v1.11")
	if err != nil {
		panic(err)
	}
	n := w.members
	return &process{
		world: w, index: index, number: number, session: session,
		roster: roster.New(w.now, roster.Config{Members: n, Self: index, Version: version, VersionText: "v1.11"}),
		lines:  make([]line, n), heard: map[*process]bool{},
		inbound: make([]bool, n), outbound: make([]bool, n), arrived: make([]int64, n),
	}
}

// String names the process: its node, and which of the node's processes it is.
func (p *process) String() string { return fmt.Sprintf("%s(%#x)", name(p.index), p.session) }

func (p *process) alive() bool  { return p.world.nodes[p.index] == p }
func (p *process) failed() bool { return !p.hostile && p.roster.Phase() == roster.Failed }

// mayRestart tells whether a restart may go unnoticed: only before step 1.
func (p *process) mayRestart() bool { return !p.hostile && p.roster.Step() == 0 }

// mayAnnounce tells whether the next step is this node's turn.
func (p *process) mayAnnounce() bool {
	r := p.roster
	return !p.hostile && r.Phase() < roster.Complete && r.Last() == 0 && r.Passed() == r.Step()
}

// announce goes to the next step, and says so on every stream at once.
func (p *process) announce() {
	step := p.roster.Step() + 1
	if err := p.roster.Announce(p.world.now, step, step == p.world.last); err != nil {
		p.world.t.Fatalf("%v cannot announce step %d: %v", p, step, err)
	}
	p.say()
	p.observe()
}

// say writes to every member: the step, the goodbye, or why it is all over.
func (p *process) say() {
	for j := range p.lines {
		if s := p.lines[j].stream; s != nil {
			p.write(s)
		}
	}
}

// wants tells whether there is something left to say to a member.
func (p *process) wants(j int) bool {
	return j != p.index && !p.failed() && !p.roster.Member(j).Answered
}

// open opens a stream to a member and says the current step.
func (p *process) open(j int) {
	s := p.world.newStream(p.index, p.world.nodes[j], p)
	p.lines[j].stream = s
	p.lines[j].stale = false
	p.roster.OutboundOpened(j, s.id, false)
	p.observe()
	p.write(s)
}

// migrate opens a second stream while the first one lives on until the new one
// has had its first answer.
func (p *process) migrate(j int) {
	old := p.lines[j].stream
	p.open(j)
	p.lines[j].old = old
}

// mayMigrate tells whether nothing is outstanding on a stream that has proved
// to work.
func (p *process) mayMigrate(j int) bool {
	l := &p.lines[j]
	return l.stream != nil && l.old == nil && p.session != 0 && !p.failed() && !p.roster.Farewell() &&
		p.roster.Member(j).Outbound && len(l.stream.outstanding) == 0
}

// write says on a stream how far this node is. Once the last barrier is passed
// that is its goodbye, once the ceremony has failed it is the reason.
func (p *process) write(s *stream) {
	q := roster.Request{Version: "v1.11", Signed: true, Session: p.session, Culprit: -1}
	q.Step, q.Shutdown = p.roster.Step(), p.farewell
	if f := p.roster.Failure(); f != nil {
		q.Aborted, q.Abort, q.Culprit = true, reason(f), f.Culprit
	}
	s.outstanding = append(s.outstanding, q.Shutdown)
	s.send(q)
}

// response brings an answer to the roster.
func (p *process) response(s *stream, a roster.Response) {
	if len(s.outstanding) == 0 {
		p.hangUp(s) // an answer to nothing
		return
	}
	j := s.server.index
	a.Goodbye = s.outstanding[0]
	s.outstanding = s.outstanding[1:]
	goesOn := p.roster.Response(p.world.now, j, s.id, a)
	p.observe()
	l := &p.lines[j]
	if s != l.stream || !goesOn || a.Goodbye {
		p.hangUp(s)
		return
	}
	if l.old != nil {
		p.hangUp(l.old)
	}
}

// leavesStale tells whether a stream is to be left because it leads to a process
// that its member has replaced.
func (p *process) leavesStale(s *stream) bool {
	l := &p.lines[s.server.index]
	return l.stream == s && l.stale && p.roster.StaleOutbound(s.server.index)
}

// hangUp ends the client's side of a stream, and of the one it was moving away
// from.
func (p *process) hangUp(s *stream) {
	s.clientOpen = false
	j := s.server.index
	l := &p.lines[j]
	switch s {
	case l.old:
		l.old = nil
	case l.stream:
		l.stream = nil
		if old := l.old; old != nil {
			p.hangUp(old)
		}
	}
	p.roster.OutboundDown(p.world.now, j, s.id, errLost)
	p.observe()
}
