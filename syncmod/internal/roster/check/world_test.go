package check_test

import (
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

const (
	maxNodes     = 3
	maxStreams   = 16
	maxLines     = 8 // requests or responses in flight on a stream
	maxProcesses = 6 // of a node
)

// now is when everything happens. The rules compare times only if a member is gone, a
// goodbye is not answered or a foreign stream is late.
var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster on its network. It is a value: [world.copyFrom] copies it, and
// [world.do] makes the next event happen.
type world struct {
	*config

	nodes   [maxNodes]node
	streams [maxStreams]stream
	count   int // how many streams there are

	left faults // the faults that may still happen
	past past

	bench  *bench
	wrong  string       // a property that the last event has violated
	story  func(string) // is called with what happens, in the language of the transcripts
	opened int8         // how many streams were opened; only stories use it
}

// faults counts events.
type faults struct{ losses, migrations, restarts, crashes, aborts, timeouts int8 }

// past is what the properties need to know about earlier events.
type past struct {
	succeeded   set  // the nodes that passed the last barrier and have not restarted since
	restarted   int8 // the node that restarted last; -1: none
	restartedAt int8 // the highest step at which a process ended in a restart
	heard       bool // a member had heard from that process that it was above step 0
	crashed     int8
	aborted     int8
	abortedAt   int8
	abortedIn   int8 // the process that aborted
	excused     set  // the nodes that may be blamed although they did nothing
}

// node is a member's program: the state of its roster, and the shell around it.
type node struct {
	process int8 // how many processes it had before this one
	attempt int8 // which attempt it is in
	foreign bool // it has no session
	differs bool // it attests another result than the others
	shut    shut
	told    bool               // it no longer announces that its ceremony failed
	upset   bool               // a member aborted or restarted since it last opened its attempt
	served  set                // the members that were serving its streams when it failed
	partner [maxNodes]int8     // for each member: its process when both last succeeded together, plus 1; 0: never
	said    [maxProcesses]int8 // the highest step that each of its processes announced
	clients [maxNodes]client

	state   roster.State
	members [maxNodes]roster.MemberState // the members of state
}

// shut says why a node has no ceremony.
type shut uint8

const (
	open    shut = iota // it has one
	unborn              // it has not opened one yet
	between             // it has closed its previous ceremony and will open another
	left                // it has closed a complete one
	dead                // its process has ended
)

// client is a node's side of the connection to one member.
type client struct {
	current, old int8 // streams; -1: none. The old one lives until the first answer on the current one
	finished     bool // there is nothing left to say
}

// bench is what the worlds of one search share: a roster for each node. For each fact,
// the state of a node is put into its roster, and is taken out again afterwards.
type bench struct {
	rosters  [maxNodes]*roster.Roster
	failures map[failureKey]*roster.Failure
}

var version = func() roster.Version {
	v, err := roster.ParseVersion(versionText)
	if err != nil {
		panic(err)
	}
	return v
}()

const versionText = "v1.11"

// newWorld returns a cluster at its start.
func newWorld(c *config) *world {
	w := emptyWorld(c)
	w.start()
	return w
}

func (w *world) start() {
	c := w.config
	w.left = faults{c.losses, c.migrations, c.restarts, c.crashes, c.aborts, c.timeouts}
	w.past = past{restarted: -1, crashed: -1, aborted: -1}
	for i := range c.size {
		w.nodes[i].foreign, w.nodes[i].differs = c.foreign.has(i), c.differ.has(i)
		if c.late.has(i) {
			w.nodes[i].shut = unborn
		}
		w.boot(i)
	}
	w.settle()
}

func emptyWorld(c *config) *world {
	w := &world{config: c, bench: &bench{failures: make(map[failureKey]*roster.Failure)}}
	for i := range c.size {
		w.bench.rosters[i] = roster.New(now, w.rosterConfig(i))
		w.nodes[i].state.Members = w.nodes[i].members[:c.size]
	}
	return w
}

func (w *world) rosterConfig(i int) roster.Config {
	c := roster.Config{
		Members: w.size, Self: i, Version: version, VersionText: versionText, Session: w.session(i),
	}
	if w.timeouts > 0 {
		c.PeerTimeout = time.Minute
	}
	return c
}

// boot gives a node a new ceremony in its present process.
func (w *world) boot(i int) {
	n := &w.nodes[i]
	for j := range n.clients {
		n.clients[j] = client{current: -1, old: -1}
	}
	n.told, n.served = false, 0
	r := roster.New(now, w.rosterConfig(i))
	if n.shut == open {
		r.Open(now)
	}
	r.Effects() // the clients send its announcement as they open their streams
	r.State(&n.state)
}

// copyFrom makes w equal to o, but keeps w's bench and story.
func (w *world) copyFrom(o *world) {
	bench, story := w.bench, w.story
	*w = *o
	w.bench, w.story = bench, story
	for i := range w.size {
		w.nodes[i].state.Members = w.nodes[i].members[:w.size]
	}
}

// session returns the session of a node's present process. Members have different
// sessions, so that a roster cannot take one for another.
func (w *world) session(i int) uint64 { return w.sessionOf(i, w.nodes[i].process) }

func (w *world) sessionOf(i int, process int8) uint64 {
	if w.nodes[i].foreign {
		return 0
	}
	return uint64(0xa1 + 0x10*i + int(process))
}

// processOf returns the process that a session belongs to, or -1 if there is none.
func processOf(session uint64) int8 {
	if session == 0 {
		return -1
	}
	return int8(session&15) - 1
}

// foreignPair reports whether one of two nodes has no session. Then their requests name
// no sessions.
func (w *world) foreignPair(i, j int) bool { return w.nodes[i].foreign || w.nodes[j].foreign }

func (w *world) failed(i int) bool    { return w.nodes[i].state.Phase == roster.Failed }
func (w *world) succeeds(i int) bool  { return succeeds(&w.nodes[i].state) }
func (w *world) isOpen(i int) bool    { return w.nodes[i].shut == open }
func (w *world) unsettled(i int) bool { return w.isOpen(i) && w.nodes[i].state.Phase < roster.Complete }

// succeeds reports whether the last barrier is passed.
func succeeds(s *roster.State) bool { return s.Last > 0 && s.Passed >= s.Last }

// begin prepares a node's roster for a fact.
func (w *world) begin(i int) *roster.Roster {
	r := w.bench.rosters[i]
	r.Restore(now, w.rosterConfig(i), &w.nodes[i].state)
	return r
}

// end takes the state out of the roster after a fact, and executes the effects.
func (w *world) end(i int) {
	r := w.bench.rosters[i]
	if sessions := r.Sessions(); sessions != nil && !w.nodes[i].state.HasAttempt {
		r.SetAttempt(now, digestOf(sessions))
	}
	e := r.Effects()
	r.State(&w.nodes[i].state)
	w.execute(i, &e)
}
