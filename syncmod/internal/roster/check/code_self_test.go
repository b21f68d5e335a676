package check_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// checkNormalForm checks that an encoded world decodes to the same world, and that each
// event then leads to the same worlds, whatever numbers the nodes and the streams had
// before.
func checkNormalForm(t *testing.T, c *config, data []byte) {
	t.Helper()
	var a, b, d canonicalizer
	read, next, again := emptyWorld(c), emptyWorld(c), emptyWorld(c)
	read.decode(data)
	require.Equal(t, data, bytes.Clone(a.canonical(read)), "written otherwise than it was read")
	renumbered := emptyWorld(c)
	perm := identity
	if c.reduces(symmetry) {
		perm = inverse([maxNodes]int8{1, 0, 2})
	}
	renumbered.decode(bytes.Clone(d.a.encode(read, perm)))
	require.Equal(t, data, bytes.Clone(a.canonical(renumbered)), "not the same after the nodes have changed numbers")
	same := map[string]bool{}
	for _, e := range renumbered.events(nil) {
		next.copyFrom(renumbered)
		next.do(e)
		same[string(a.canonical(next))] = true
	}
	for _, e := range read.events(nil) {
		next.copyFrom(read)
		next.do(e)
		to := bytes.Clone(a.canonical(next))
		again.decode(bytes.Clone(b.a.encode(next, identity)))
		require.Equal(t, to, bytes.Clone(b.canonical(again)), "not in its normal form after %v", e)
		require.True(t, same[string(to)], "after %v, the renumbered world never gets to the same state", e)
	}
}

func TestWorldsHaveANormalForm(t *testing.T) {
	for _, c := range small() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newExplorer(&c)
			seen := 0
			x.visit = func(_ *world, data []byte) {
				if seen++; seen%97 == 0 { // a few from every depth
					checkNormalForm(t, &c, data)
				}
			}
			x.explore()
		})
	}
}

// This lists what each field of the roster's types means for the checker. A new field
// must be part of roster.State, or the behaviour must not depend on it.
func TestEveryFieldOfARosterIsKnown(t *testing.T) {
	r := reflect.TypeFor[roster.Roster]()
	field := func(of reflect.Type, name string) reflect.Type {
		f, ok := of.FieldByName(name)
		require.True(t, ok, name)
		return f.Type
	}
	member := field(r, "members").Elem()
	for _, known := range []struct {
		of     reflect.Type
		fields []string
	}{
		{r, []string{
			"cfg", "members", "phase", "step", "passed", "last", "openedAt",
			"rounds", "allConnected", "wantConnected", "attempt", "hasAttempt", "attestation", "failure", "aborting",
			// Times: everything happens at the same moment.
			"announcedAt", "runningSince", "goodbyeSince", "failedAt", "schedule",
			// For events only.
			"lastConnected", "lastGoodbye",
			// Taken out after each fact.
			"sessions", "pending",
		}},
		{member, []string{
			"Member", "known", "first", "opened", "attempt", "hasAttempt", "attestation",
			"in", "out", "asked", "successor", "held",
			"stepAt", "prevStepAt", "doneAt", // times
			"arrived", // for events only
			"rival",   // for reports only
		}},
		{field(member, "Member"), []string{
			"Session", "Step", "Done", "Answered",
			"Version", // the same for everyone
			// For reports only.
			"Nickname", "Inbound", "Outbound", "Relayed", "LastSeen", "Since", "RTT",
			"Reconnects", "Attempts", "LastError", "Waiting", "Fault",
		}},
		{field(member, "in"), []string{"stream", "up", "ever", "last", "since"}},
		{reflect.TypeFor[roster.Failure](), []string{
			"Kind", "Culprit", "By", "Reporter", "Text",
			// For reports only.
			"From", "To", "Theirs", "Wanted", "Gone", "NotHeard", "NotReached",
		}},
		{field(r, "pending"), []string{"announce", "repeat", "ask", "endStreams", "released", "changed", "events"}},
		{reflect.TypeFor[roster.Config](), []string{
			"Members", "Self", "Version", "VersionText", "PeerTimeout", "Session",
			"Observes", // no configuration has an observer
		}},
	} {
		var fields []string
		for field := range known.of.Fields() {
			fields = append(fields, field.Name)
		}
		require.ElementsMatch(t, known.fields, fields, "%v", known.of)
	}
}
