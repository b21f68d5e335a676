package display

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// With up to fewNodes nodes, each node has lines of its own.
const fewNodes = 8

// Report is the output of the demo. It prints a line as soon as something happens that
// an operator would want to know, and a table at the end. It prints everything that
// goes to stdout.
//
// It numbers the waits of a ceremony: 0 is the wait for everyone to be connected. The
// barriers follow. The goodbyes belong to the last one.
type Report struct {
	out      io.Writer
	ceremony Ceremony
	begin    time.Time

	mu      sync.Mutex
	printed time.Time // when the last line was printed
	nodes   []record
	death   time.Time // when a node dies or begins to restart
	restart bool      // that node restarts
	stop    time.Time // when a signal stopped all nodes
}

// record is what the report knows of a node.
type record struct {
	spans  *spanMemory
	waits  []wait
	status syncmod.Status // the latest status
	peers  int            // members connected or gone with a goodbye, before the node failed
	dead   bool
	failed bool

	began   time.Time // when its latest attempt began; zero in its first
	attempt int       // number of its latest attempt; 0 in its first
	before  error     // why its previous attempt failed
	again   bool      // its process was started again

	receipt *syncmod.Receipt // nil if there is none
}

// wait is the wait of one node at one barrier. A zero time means that it has not happened yet.
type wait struct{ arrived, passed time.Time }

// New returns the report of a ceremony. It prints to out from now on.
func New(out io.Writer, c Ceremony) *Report {
	r := &Report{out: out, ceremony: c, begin: time.Now(), nodes: make([]record, len(c.Members))}
	for i := range r.nodes {
		r.nodes[i] = record{spans: new(spanMemory), waits: make([]wait, len(c.Steps)+2)}
	}
	r.line("%d nodes, %s, %s, definition %x", len(c.Members), c.stepCount(), strings.ToUpper(c.Transport), c.Hash)
	if c.Late > 0 {
		r.line("%s starts %s late", c.Operator(len(c.Members)-1), c.Late)
	}
	return r
}

// PrintTo makes the report print to out from now on.
func (r *Report) PrintTo(out io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = out
}

// line prints a line with the time since the beginning. The caller holds the lock,
// except in New.
func (r *Report) line(format string, args ...any) {
	r.printed = time.Now()
	_, _ = fmt.Fprintf(r.out, "%8.3fs  %s\n", r.printed.Sub(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

// Arrived notes that a node has begun to wait at a barrier. Barrier 0 means that the node starts.
func (r *Report) Arrived(node, barrier int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[node].waits[barrier].arrived = time.Now()
	if barrier == 0 && r.ceremony.isLate(node) {
		r.line("%s starts", r.ceremony.Operator(node))
	}
}

// Passed notes that a node has passed a barrier and begins the step after it.
func (r *Report) Passed(node, barrier int, status syncmod.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waits := r.nodes[node].waits
	if barrier == 1 {
		r.connected(node, status.Since)
		waits[1].arrived = status.Since // when step 1 was announced
	}
	waits[barrier].passed = time.Now()
	r.barrier(barrier)
}

// Saw notes the status of a node.
func (r *Report) Saw(node int, status syncmod.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &r.nodes[node]
	if n.dead || n.status.Phase >= syncmod.Complete || status.Attempt < n.attempt {
		return
	}
	n.status = status
	if status.Phase != syncmod.Failed {
		n.peers = countPeers(status, func(p syncmod.PeerStatus) bool { return isConnected(p) || p.Done })
	}
	if countPeers(status, isConnected) == len(status.Peers) {
		r.connected(node, time.Now())
	}
	switch status.Phase {
	case syncmod.Complete:
		end := len(n.waits) - 1
		n.waits[end].passed = status.Since
		r.barrier(end)
	case syncmod.Failed:
		r.failed(node, status)
	default:
	}
}

// connected notes that a node is connected to all others. Once all nodes are, it prints
// a line.
func (r *Report) connected(node int, at time.Time) {
	if !r.nodes[node].waits[0].passed.IsZero() {
		return
	}
	r.nodes[node].waits[0].passed = at
	if len(r.nodes) <= fewNodes {
		r.line("%s is connected to all others", r.ceremony.Operator(node))
	}
	if s := r.sum(0); !s.waiting {
		r.line("all %d are connected after %s", len(r.nodes), brief(s.lastPassed.Sub(s.firstArrived)))
	}
}

// barrier prints a line once everyone has passed a barrier.
func (r *Report) barrier(barrier int) {
	s := r.sum(barrier)
	if s.waiting {
		return
	}
	steps := len(r.ceremony.Steps)
	next := "goodbyes"
	if barrier <= steps {
		next = r.ceremony.Steps[barrier-1]
	}
	number := fmt.Sprintf("%d/%d", barrier, steps+1)
	width := len(fmt.Sprintf("%d/%[1]d", steps+1))
	r.line("barrier %*s  before %-*s  waited %8s for %s; everyone had passed %s later",
		width, number, r.ceremony.nameWidth(), next,
		brief(s.lastArrived.Sub(s.firstArrived)), r.ceremony.Operator(s.last), brief(s.lastPassed.Sub(s.lastArrived)))
}

// Dies says that a node is about to lose its host for good.
func (r *Report) Dies(node int) { r.dies(node, "dies") }

// Restarts says that a node is about to lose its host, and that another process of the
// node follows.
func (r *Report) Restarts(node int) {
	r.mu.Lock()
	r.restart = true
	r.mu.Unlock()
	r.dies(node, "restarts")
}

func (r *Report) dies(node int, how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[node].dead = true
	r.death = time.Now()
	r.line("%s %s in step %d: its host is closed, and nobody has been told",
		r.ceremony.Operator(node), how, r.ceremony.FaultStep)
}

// StartsAgain says that the process of a node is started again.
func (r *Report) StartsAgain(node int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begins(node, record{began: time.Now(), again: true})
	r.line("%s starts again, with the same key at the same address", r.ceremony.Operator(node))
}

// BeginsAgain says that a node begins another attempt. why is the failure of the previous one.
func (r *Report) BeginsAgain(node int, status syncmod.Status, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begins(node, record{
		began: status.Since, attempt: status.Attempt, before: why, again: r.nodes[node].again,
	})
	r.line("%s begins attempt %d", r.ceremony.Operator(node), status.Attempt)
}

// begins forgets what a node did in its previous attempt.
func (r *Report) begins(node int, n record) {
	n.spans, n.waits = r.nodes[node].spans, make([]wait, len(r.ceremony.Steps)+2)
	n.waits[0].arrived = n.began
	r.nodes[node] = n
}

// failed prints a line when the first node fails and when all have failed. In small
// clusters it prints a line for each node.
func (r *Report) failed(node int, status syncmod.Status) {
	r.nodes[node].failed = true
	if !r.stop.IsZero() {
		return // the signal is the reason
	}
	failed, running := 0, 0
	for _, n := range r.nodes {
		switch {
		case n.failed:
			failed++
		case !n.dead:
			running++
		}
	}
	after := ""
	if !r.death.IsZero() {
		after = ", " + brief(time.Since(r.death)) + " after the death"
		if r.restart {
			after = ", " + brief(time.Since(r.death)) + " after the restart began"
		}
	}
	switch {
	case failed == 1:
		r.line("%s fails%s: %v", r.ceremony.Operator(node), after, status.Err)
	case len(r.nodes) <= fewNodes:
		r.line("%s fails%s", r.ceremony.Operator(node), after)
	case running == 0:
		r.line("all %d have failed%s", failed, after)
	}
}

// Interrupted says that all nodes are stopped early, and why.
func (r *Report) Interrupted(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = time.Now()
	step := 0
	for _, n := range r.nodes {
		step = max(step, n.step())
	}
	if step == 0 {
		r.line("all nodes stop before step 1: %v", cause)
		return
	}
	r.line("all nodes stop in step %d, and tell one another why: %v", step, cause)
}

// Attested notes a node's receipt.
func (r *Report) Attested(node int, receipt *syncmod.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[node].receipt = receipt
}

// Stopped notes how a node left its ceremony when it stopped.
func (r *Report) Stopped(node int, status syncmod.Status, err error) {
	r.Saw(node, status)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.line("%s did not stop properly: %v", r.ceremony.Operator(node), err)
	}
}
