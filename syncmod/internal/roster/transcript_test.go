package roster_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// Every rule has a story in testdata: facts that come to one node, and what its
// roster says to each. The file's head names the rule and its place in the
// protocol description. Run with -rewrite after a change, then read what has
// become of the stories: they say what the rules demand, not what the code does.
//
// The node is alice's; the other members are bob, carol and dave. These are the
// commands; what they leave out is filled in, so that a line says only what it
// is about.
//
//	open members=4 self=alice version=v1.11 peer-timeout=0s
//	connect [bob …]               everyone, or the members named, comes up in both directions at step 0
//	reach step=2                  everyone, this node too, passes the barriers up to this one
//	await-connected               somebody waits for everyone to be connected
//	announce step=1 [last]        this node's step
//	inbound-open from=bob stream=17                   a stream arrives; it may wait for its first request
//	request from=bob step=1 [stream=11] [session=0xb1|none] [version=v1.11] [unsigned] [shutdown]
//	request from=bob step=1 abort [culprit=carol]     with the reason on the next line
//	repeated from=bob [stream=11]                     a request that says what the last one said
//	inbound-down from=bob [stream=11]
//	outbound-open to=bob [stream=21] [relayed]
//	response from=bob [stream=21] [session=0xb1|none] [goodbye] [error]   with the error on the next line
//	outbound-down to=bob [stream=21]
//	abort, stop                   this node gives up
//	wait for=5s                   time passes
//	tick after=5s                 time passes, and the roster is told
//	finish                        this node waits no longer for goodbyes
//	missing, status, arrivals step=1
//
// A member's stream to us is 11, 12, 13 and ours to it 21, 22, 23 by default, in
// the order of members; its session is 0xb1, 0xc1, 0xd1. A foreign member has
// none. A line that starts with * is an event.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &story{}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return s.tell(t, d)
			})
		})
	}
}

// tell brings one fact to the roster and returns what it says.
func (s *story) tell(t *testing.T, d *datadriven.TestData) string {
	command, ok := commands[d.Cmd]
	if !ok {
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	if s.roster == nil && d.Cmd != "open" {
		d.Fatalf(t, "a story starts with open")
	}
	a := &arguments{t: t, d: d}
	said := command(s, a)
	for _, arg := range d.CmdArgs {
		if !slices.Contains(a.used, arg.Key) {
			d.Fatalf(t, "%s does not know %s", d.Cmd, arg.Key)
		}
	}
	lines := append([]string(nil), said...)
	for _, e := range s.roster.Events() {
		if !s.brief(e) {
			lines = append(lines, eventWords(s.self, e, s.roster.Failure()))
		}
	}
	s.only = nil
	if len(lines) == 0 {
		return "nothing changes\n"
	}
	return strings.Join(lines, "\n") + "\n"
}
