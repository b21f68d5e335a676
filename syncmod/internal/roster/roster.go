package roster

import "time"

// Config is what a roster knows from the start.
type Config struct {
	Members     int           // how many members there are, this node included
	Self        int           // this node's operator index
	Version     Version       // this node's version
	VersionText string        // the same as it was written
	PeerTimeout time.Duration // how long a member may be gone once the ceremony runs; not positive: for ever
	Session     uint64        // this node's session
	Observes    bool          // this node only looks: it takes no part
}

// Phase is how far the ceremony has come.
type Phase int

// The phases, in order. Complete and Failed are final.
const (
	Connecting Phase = iota // until step 1 is announced
	Running                 // from step 1
	Completing              // from the announcement of the last barrier
	Complete
	Failed
)

// StreamID names a stream. The caller hands out each number once; 0 is none.
type StreamID uint64

// direction is one of the two streams between this node and a member.
type direction struct {
	stream StreamID  // the current one, 0 when there is none
	up     bool      // an exchange has succeeded on it and it is alive
	ever   bool      // there has been such a stream
	last   time.Time // when the last valid message came
	since  time.Time // since when it has been up or not
}

// Member is what is known of another member.
type Member struct {
	Session  uint64 // the one that answers us, which our requests address: 0 while none does, and for a foreign member
	Step     int64  // the last step seen, -1 when none was
	Done     bool   // it has said goodbye
	Answered bool   // it has answered ours
	Nickname string
	Version  string

	Inbound, Outbound bool // connected, by direction
	Relayed           bool // the outbound stream runs through a relay
	LastSeen          time.Time
	Since             time.Time // since when it has been connected both ways, or not
	RTT               time.Duration
	Reconnects        int    // streams to it that had to be opened again
	Attempts          int    // failed attempts to open one, in a row
	LastError         error  // why the last one failed or ended
	Waiting           string // why it does not take our requests into account, in its own words

	// Fault is why a ceremony that takes part would fail by what the member said last, nil
	// while nothing is known to. Only a ceremony that observes has one.
	Fault *Failure
}

type member struct {
	Member
	stepAt, prevStepAt time.Time // when its step became what it is, and the one before

	known  bool      // a request of the process that answers us has been accepted
	first  int64     // its step
	opened time.Time // when the newest of the inbound streams that have been current arrived

	attempt     [8]byte      // which attempt the member's requests name
	hasAttempt  bool         // whether they name any
	attestation *Attestation // what they attest, nil if nothing

	in, out   direction
	asked     bool     // our client was told to ask at once, and has had no answer since
	successor StreamID // an inbound stream that takes over as soon as the current one's handler has returned
	held      StreamID // the inbound stream that was held last
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

// Roster is one ceremony as this node sees it. It is not safe for concurrent
// use: the ceremony holds its lock around every call.
type Roster struct {
	cfg     Config
	members []member

	phase  Phase
	step   int64 // the last step this node has announced
	passed int64 // the last barrier it has passed
	last   int64 // the last barrier of the ceremony, 0 while not known

	openedAt     time.Time // zero: not open yet
	announcedAt  time.Time
	runningSince time.Time
	goodbyeSince time.Time

	rounds        int  // how often everyone has become connected
	allConnected  bool // everyone is connected now
	wantConnected bool // somebody waits for everyone to be connected
	lastConnected int  // which member a direction came up to last
	lastGoodbye   int  // whose goodbye, or answer to ours, came last

	sessions   []uint64 // of all members, as barrier 1 was passed; nil before
	attempt    [8]byte  // their digest
	hasAttempt bool

	attestation *Attestation // this node's own, nil if it attests nothing

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

// Open notes that the ceremony is open: from now on this node says where it is,
// and waits for the others. It does nothing when the ceremony has failed before.
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

// startClocks notes since when the members have not been connected.
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

// Last returns the last barrier of the ceremony, 0 while it is not known.
func (r *Roster) Last() int64 { return r.last }

// Failure returns why the ceremony failed, or nil.
func (r *Roster) Failure() *Failure { return r.failure }

// Member returns what is known of a member.
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
