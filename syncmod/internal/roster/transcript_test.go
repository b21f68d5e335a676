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

// Every rule has a story in testdata: facts that come to one node, and what its
// roster says to each. The head of the file names the rule and its section of
// docs/protocol.md. After a change, run with -rewrite, and then read how the
// stories have changed: they say what the rules demand, not what the code does.
// Stories of several nodes are in testdata/all_sides: see
// [TestTranscriptsFromAllSides].
//
// The node is alice's. The other members are bob, carol and dave. These are the
// commands. Everything that a command leaves out has a default, so that a line
// says only what it is about.
//
//	open members=4 self=alice version=v1.11 peer-timeout=0s [observes]   or in two steps: prepare members=4 …, begin
//	meet [bob …]                  everyone, or the members named, answers a first request of this node
//	connect [bob …]               everyone, or the members named, comes up in both directions at step 0
//	reach step=2                  everyone, this node too, passes the barriers up to this one
//	await-connected               somebody waits for everyone to be connected
//	announce step=1 [last]        this node's step
//	attest is=aa                  what this node attests at its last barrier
//	attested                      what everyone attests there
//	inbound-open from=bob stream=17                   a stream arrives; it may wait for its first request
//	request from=bob step=1 [stream=11] [session=0xb1|none] [addressee=0xa1|none] [version=v1.11] [unsigned]
//	                               [other-members] [attempt=this] [attests=aa|forged] [shutdown] [observes]
//	request from=bob step=1 abort [differ] [culprit=carol] [reporter=dave]     with the reason on the next line
//	repeated from=bob [stream=11]                     a request that says what the last one said
//	inbound-down from=bob [stream=11]
//	outbound-open to=bob [stream=21] [relayed]
//	response from=bob [stream=21] [session=0xb1|none] [goodbye|abort] [error|waiting]   with why on the next line
//	outbound-down to=bob [stream=21]
//	attempt is=this               this node's attempt, a digest of the sessions in it
//	abort, stop                   this node gives up
//	wait for=5s                   time passes
//	tick after=5s                 time passes, and the roster hears the time
//	finish                        this node waits no longer for goodbyes
//	waiting, reached, missing, status, arrivals step=1
//
// By default, a member's stream to this node is 11, 12 or 13, and this node's
// stream to it is 21, 22 or 23, in the order of members. The members' sessions are
// 0xb1, 0xc1 and 0xd1. This node's is 0xa1, and a request addresses it. A foreign
// member has no session. A line that starts with * is an event. A line that starts
// with > is another effect: what alice's shell must do.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &story{}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return s.play(t, d)
			})
		})
	}
}

// play brings one fact to the roster and returns what it says.
func (s *story) play(t *testing.T, d *datadriven.TestData) string {
	command, ok := commands[d.Cmd]
	if !ok {
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	if s.roster == nil && d.Cmd != "open" && d.Cmd != "prepare" {
		d.Fatalf(t, "a story starts with open or prepare")
	}
	a := &arguments{t: t, d: d}
	said := command(s, a)
	a.done()
	words := append(slices.Clone(said), s.effects()...)
	if len(words) == 0 {
		return "nothing changes\n"
	}
	return strings.Join(words, "\n") + "\n"
}

// effects says what the effects of a command are.
func (s *story) effects() []string {
	e := s.roster.Effects()
	var words []string
	for _, event := range e.Events {
		if event.Type == roster.BarrierPassed && event.Arrivals != nil {
			s.passed[event.Step] = event.Arrivals
		}
		if s.shows(event) {
			words = append(words, eventWords(s.self, s.now, event, s.roster.Failure()))
		}
	}
	if s.only == nil {
		words = append(words, effectWords(s.self, s.now, e)...)
	}
	switch {
	case !s.ticks:
	case e.Next.IsZero():
		words = append(words, "no tick is needed")
	default:
		words = append(words, fmt.Sprintf("next tick in %v", e.Next.Sub(s.now)))
	}
	s.only, s.ticks = nil, false
	return words
}
