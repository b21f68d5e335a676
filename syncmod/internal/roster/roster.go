package roster

import "time"

// Config is what a roster knows from the start.
type Config struct {
	Members     int           // the number of members, including this node
	Self        int           // this node's operator index
	Version     Version       // this node's version
	VersionText string        // the same version as text
	PeerTimeout time.Duration // how long a member may be gone once the ceremony runs; zero or negative: no limit
	Session     uint64        // this node's session
	Observes    bool          // this node only looks: it takes no part
}

// Phase says how far the ceremony has come.
type Phase int

// The phases, in order. Complete and Failed are final.
const (
	Connecting Phase = iota // until step 1 is announced
	Running                 // from step 1
	Completing              // from the announcement of the last barrier
	Complete                // the goodbyes are over
	Failed                  // the ceremony has failed
)

// StreamID names a stream. The caller uses each number once; 0 means no stream.
type StreamID uint64

// direction is one of the two streams between this node and a member.
type direction struct {
	stream StreamID  // the current one; 0: none
	up     bool      // an exchange has succeeded on it and it is alive
	ever   bool      // there has been a stream that was up
	last   time.Time // when the last valid message arrived
	since  time.Time // when it last came up or went down
}

// Member is what is known about another member.
type Member struct {
	Session  uint64 // the session that answers this node and that this node addresses; 0: none, or a foreign member
	Step     int64  // the last step seen; -1: none
	Done     bool   // it has said goodbye
	Answered bool   // it has answered this node's goodbye
	Nickname string // as the member gives it
	Version  string // as the member gives it

	Inbound, Outbound bool          // connected, by direction
	Relayed           bool          // the outbound stream runs through a relay
	LastSeen          time.Time     // when its last valid message arrived
	Since             time.Time     // when it became connected in both directions, or stopped being so
	RTT               time.Duration // the last round trip; 0: none measured
	Reconnects        int           // how often it became connected outbound again
	Attempts          int           // how many attempts in a row have failed to get a stream with an answer
	LastError         error         // why a stream last failed to open, or why the last stream ended
	Waiting           string        // in its own words, why this node's requests do not count for it

	// Fault says why a ceremony that takes part would fail because of what the member said
	// last, or is nil if no reason is known. It is always nil in a ceremony that takes
	// part.
	Fault *Failure
}

type member struct {
	Member
	stepAt, prevStepAt time.Time // when it reached its step, and when it reached the previous one

	known  bool      // a request of the process that answers this node has been accepted
	first  int64     // the step of the first such request
	opened time.Time // when the newest inbound stream arrived, of all that are or were current

	attempt     [8]byte      // the attempt that the member's requests name
	hasAttempt  bool         // whether they name one
	attestation *Attestation // what they attest; nil if nothing

	in, out   direction
	asked     bool     // this node's client was told to ask at once; no answer and no new stream since
	successor StreamID // an inbound stream that takes over once the handler of the current one has returned
	held      StreamID // the inbound stream that was last held
	rival     rival    // another process of the member

	doneAt  time.Time // when it said goodbye
	arrived int64
}

func (m *member) connected() bool { return m.in.up && m.out.up }

// measured notes a round trip, if one was measured.
func (m *member) measured(rtt time.Duration) {
	if rtt > 0 {
		m.RTT = rtt
	}
}

// Roster is one ceremony as this node sees it. It is not safe for concurrent use: the
// ceremony holds its lock around every call.
type Roster struct {
	cfg     Config
	members []member

	phase  Phase
	step   int64 // the last step that this node has announced
	passed int64 // the last barrier it has passed
	last   int64 // the last barrier of the ceremony; 0 while unknown

	openedAt     time.Time // zero: not open yet
	announcedAt  time.Time
	runningSince time.Time
	goodbyeSince time.Time

	rounds        int  // how often all members have become connected
	allConnected  bool // all members are connected now
	wantConnected bool // somebody waits for all members to be connected
	lastConnected int  // the member to which a direction last came up
	lastGoodbye   int  // the member whose goodbye, or answer to this node's goodbye, came last

	sessions   []uint64 // the sessions of all members when barrier 1 was passed; nil before
	attempt    [8]byte  // the digest of the sessions
	hasAttempt bool

	attestation *Attestation // what this node attests; nil if nothing

	failure  *Failure
	failedAt time.Time
	aborting bool // this node is announcing the failure

	schedule schedule
	pending  pending
}

// New makes a roster. Its ceremony is not open yet.
func New(now time.Time, cfg Config) *Roster {
	r := &Roster{cfg: cfg, members: make([]member, cfg.Members), lastConnected: cfg.Self, lastGoodbye: cfg.Self}
	for i := range r.members {
		r.members[i].Step = -1
	}
	r.startClocks(now)
	return r
}

// Open notes that the ceremony is open. This node now begins to announce its step and to
// wait for the others. Open does nothing if the ceremony has already failed.
func (r *Roster) Open(now time.Time) {
	if r.isOpen() || r.phase == Failed {
		return
	}
	r.openedAt = now
	r.startClocks(now)
	r.announceAgain()
	r.reschedule(now)
}

func (r *Roster) isOpen() bool { return !r.openedAt.IsZero() }

// startClocks begins to measure how long the members have not been connected.
func (r *Roster) startClocks(now time.Time) {
	for i := range r.members {
		m := &r.members[i]
		m.in.since, m.out.since, m.Since = now, now, now
	}
}

// Phase returns the phase.
func (r *Roster) Phase() Phase { return r.phase }

// Step returns the last step announced by this node.
func (r *Roster) Step() int64 { return r.step }

// Passed returns the last barrier that this node has passed.
func (r *Roster) Passed() int64 { return r.passed }

// Last returns the last barrier of the ceremony, or 0 while it is unknown.
func (r *Roster) Last() int64 { return r.last }

// Failure returns why the ceremony failed, or nil.
func (r *Roster) Failure() *Failure { return r.failure }

// Member returns what is known about a member.
func (r *Roster) Member(i int) Member {
	m := r.members[i].Member
	m.Inbound, m.Outbound = r.members[i].in.up, r.members[i].out.up
	m.LastSeen = later(r.members[i].in.last, r.members[i].out.last)
	return m
}

// setConnected notes that a direction has come up.
func (r *Roster) setConnected(now time.Time, i int, d *direction) {
	d.ever = true
	r.lastConnected = i
	r.setUp(now, i, d, true)
}

// setLost notes that a direction has gone down.
func (r *Roster) setLost(now time.Time, i int, d *direction) { r.setUp(now, i, d, false) }

func (r *Roster) setUp(now time.Time, i int, d *direction, up bool) {
	m := &r.members[i]
	both := m.connected()
	d.up, d.since = up, now
	if m.connected() != both {
		m.Since = now
	}
	e := Event{Type: MemberLost, Member: i, Step: m.Step, Inbound: d == &m.in}
	if up {
		e.Type = MemberConnected
	}
	r.emit(e)
	r.reschedule(now)
}
