package roster_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// A story from all sides has several nodes, each with its own roster. What one
// node announces goes to the others as requests, and their answers come back as
// responses. The story says what happens to them. These are its commands:
//
//	cluster members=3 last=2      a ceremony with 3 members, whose last barrier is barrier 2
//	open alice bob [foreign] [attests=aa]       the nodes open it, each in a new process
//	connect [alice bob]           the nodes, or all, open the streams that they miss, and send what they announce
//	deliver [from=alice] [to=bob] [stream=3]    what is on its way arrives, with everything that this leads to
//	together [step=1]             without the details: everyone opens, connects and passes the barriers up to this one
//	announce alice                the next step
//	await-connected alice         somebody waits for everyone to be connected
//	heartbeat alice               says again what it has announced
//	lose from=alice to=bob        the network loses the stream, and what is on its way on it
//	restart bob                   the process is killed and another one started; the others have not noticed
//	abort alice, stop alice       a node gives up
//	close alice                   a node closes its ceremony
//	tick after=5s                 time passes, and everyone hears the time
//	status
//
// A line without indent is a request, or a response that ends its stream, with what
// the receiver makes of it. The lines below it are what follows from it: events (*)
// and other effects (>). A number in parentheses is the session of a node's
// process.
func TestTranscriptsFromAllSides(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "all_sides", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &sides{T: t}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return s.play(t, d)
			})
		})
	}
}

// sides is a cluster, and what has happened in it since the last command.
type sides struct {
	*testing.T
	world *world
	words []string
}

// Logf notes what happens.
func (s *sides) Logf(format string, args ...any) {
	s.words = append(s.words, fmt.Sprintf(format, args...))
}

// play carries out a command and returns what follows from it.
func (s *sides) play(t *testing.T, d *datadriven.TestData) string {
	command, ok := sidesCommands[d.Cmd]
	if !ok {
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	if s.world == nil && d.Cmd != "cluster" {
		d.Fatalf(t, "a story starts with cluster")
	}
	a := &arguments{t: t, d: d}
	s.words = nil
	command(s, a)
	a.done()
	for _, p := range s.world.nodes {
		if p != nil {
			s.world.checkEnd(p)
		}
	}
	if len(s.words) == 0 {
		return "nothing happens\n"
	}
	return strings.Join(s.words, "\n") + "\n"
}

var sidesCommands = map[string]func(*sides, *arguments){
	"cluster": func(s *sides, a *arguments) {
		s.world = emptyWorld(s, int(a.number("members", 3)), a.number("last", 2))
		s.Logf("%s, last barrier %d", nameList(s.all()), s.world.last)
	},
	"open": func(s *sides, a *arguments) {
		foreign, attests := a.flag("foreign"), attestationOf(a.text("attests", ""))
		for _, i := range a.named() {
			s.world.results[i] = attests
			s.world.open(i, foreign)
		}
	},
	"connect": func(s *sides, a *arguments) {
		nodes := a.named()
		if len(nodes) == 0 {
			nodes = s.all()
		}
		for _, i := range nodes {
			for _, j := range nodes {
				s.connect(i, j)
			}
		}
	},
	"deliver": func(s *sides, a *arguments) {
		from, to, id := a.text("from", ""), a.text("to", ""), a.text("stream", "")
		s.world.deliver(func(stream *stream) bool {
			return (from == "" || name(stream.from) == from) && (to == "" || name(stream.server.index) == to) &&
				(id == "" || fmt.Sprint(stream.id) == id)
		})
	},
	"together": func(s *sides, a *arguments) { s.together(a.number("step", 0)) },
	"announce": func(s *sides, a *arguments) { s.node(a).announce() },
	"await-connected": func(s *sides, a *arguments) {
		s.node(a).awaitConnected()
	},
	"heartbeat": func(s *sides, a *arguments) {
		p := s.node(a)
		p.broadcast(p.announced)
	},
	"lose": func(s *sides, a *arguments) {
		from, to := a.member("from", -1), a.member("to", -1)
		for _, stream := range slices.Clone(s.world.streams) {
			if stream.from == from && stream.server.index == to && !stream.gone() {
				s.world.lose(stream)
			}
		}
	},
	"restart": func(s *sides, a *arguments) { s.world.restart(s.node(a).index) },
	"abort":   func(s *sides, a *arguments) { s.node(a).fail(roster.Aborted) },
	"stop":    func(s *sides, a *arguments) { s.node(a).fail(roster.Stopped) },
	"close":   func(s *sides, a *arguments) { s.world.close(s.node(a).index) },
	"tick":    func(s *sides, a *arguments) { s.world.later(a.duration("after")) },
	"status": func(s *sides, _ *arguments) {
		for _, p := range s.world.nodes {
			if p != nil {
				s.status(p)
			}
		}
	},
}

// status says how the ceremony stands on a node.
func (s *sides) status(p *process) {
	r := p.roster
	words := fmt.Sprintf("%v: %s, step %d, passed %d", p, phaseWords(r.Phase()), r.Step(), r.Passed())
	if f := r.Failure(); f != nil {
		words += ": " + failureWords(f)
	}
	if b, waits := r.Waiting(); waits {
		words += fmt.Sprintf(", %s: %s", waitWords(b), nameList(r.Missing(s.world.now, b)))
	}
	s.Logf("%s", words)
}

func (s *sides) all() []int {
	all := make([]int, s.world.members)
	for i := range all {
		all[i] = i
	}
	return all
}

// node returns the node that a command names.
func (s *sides) node(a *arguments) *process {
	named := a.named()
	require.Len(a.t, named, 1, "%s: which node?", a.d.Pos)
	p := s.world.nodes[named[0]]
	require.NotNil(a.t, p, "%s: %s has not opened the ceremony", a.d.Pos, name(named[0]))
	return p
}

// together brings all nodes to a step.
func (s *sides) together(step int64) {
	for i, p := range s.world.nodes {
		if p == nil {
			s.world.start(i, false)
		}
	}
	for _, i := range s.all() {
		for _, j := range s.all() {
			s.connect(i, j)
		}
	}
	anyStream := func(*stream) bool { return true }
	s.world.deliver(anyStream)
	for range step {
		for _, p := range s.world.nodes {
			p.announce()
		}
		s.world.deliver(anyStream)
	}
	s.words = nil
	s.Logf("everyone is connected and at step %d", step)
}

// connect opens the stream from one node to another, if it is missing.
func (s *sides) connect(i, j int) {
	p := s.world.nodes[i]
	switch {
	case p == nil || !p.wants(j) || p.clients[j].stream != nil:
	case s.world.nodes[j] == nil:
		p.roster.Attempt(j, errLost)
		s.Logf("%v does not reach %s", p, name(j))
		p.observe()
	default:
		p.open(j)
	}
}

// fail makes a node give up by itself.
func (p *process) fail(kind roster.Kind) {
	p.roster.Fail(p.world.now, roster.Failure{Kind: kind, Culprit: p.index, By: p.index})
	p.observe()
}

// open starts a node's process, which serves the requests that were held for it.
func (w *world) open(i int, foreign bool) {
	w.start(i, foreign)
	for _, s := range slices.Clone(w.streams) {
		if s.server.index == i && s.handler == holding {
			s.server = w.nodes[i]
			s.retry()
		}
	}
}

// close closes a node's ceremony. The requests that it holds go on waiting, for the
// node's next ceremony.
func (w *world) close(i int) {
	p := w.nodes[i]
	w.log("%v closes its ceremony", p)
	for _, s := range slices.Clone(w.streams) {
		switch {
		case s.client == p && s.clientOpen:
			p.hangUp(s)
		case s.server == p && s.handler != holding && s.handler != returned:
			s.broken = true
			s.handlerReturns()
		}
	}
	w.nodes[i] = nil
}

// deliver makes everything in flight on the picked streams arrive, until nothing
// is in flight.
func (w *world) deliver(pick func(*stream) bool) {
	for busy := true; busy; {
		busy = false
		for _, s := range slices.Clone(w.streams) {
			busy = pick(s) && w.proceed(s) || busy
		}
		w.sweep()
	}
}
