package syncmod

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

func TestPrintableCleansText(t *testing.T) {
	for about, test := range map[string]struct{ given, want string }{
		"plain":             {"carol", "carol"},
		"empty":             {"", ""},
		"other scripts":     {"Чарли 查理 🦀", "Чарли 查理 🦀"},
		"newlines":          {"carol\nlevel=error msg=fake\r\n", "carol?level=error msg=fake??"},
		"terminal colours":  {"\x1b[31mred\x1b[0m", "?[31mred?[0m"},
		"bells and deletes": {"a\a\b\x7fb", "a???b"},
		"right to left":     {"exe.\u202egpj", "exe.?gpj"},
		"nothing to see":    {"a\u200bb\u00a0c\ufeff", "a?b?c?"},
		"invalid UTF-8":     {"a\xff\xfeb\xc3", "a?b?"},
		"too long":          {strings.Repeat("x", 41), strings.Repeat("x", 37) + "…"},
		"just fits":         {strings.Repeat("x", 40), strings.Repeat("x", 40)},
		"cut in a rune":     {strings.Repeat("x", 36) + "ééé", strings.Repeat("x", 36) + "…"},
		"cut before a rune": {strings.Repeat("x", 35) + "éé€", strings.Repeat("x", 35) + "é…"},
		"a megabyte":        {strings.Repeat("x", 1<<20), strings.Repeat("x", 37) + "…"},
	} {
		t.Run(about, func(t *testing.T) {
			require.Equal(t, test.want, printable(test.given, 40))
		})
	}
}

func TestPrintableKeepsItsLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anyBytes := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
		given := rapid.OneOf(rapid.String(), anyBytes).Draw(t, "given")
		limit := rapid.IntRange(0, 64).Draw(t, "limit")

		got := printable(given, limit)

		require.LessOrEqual(t, len(got), limit)
		require.True(t, utf8.ValidString(got))
		require.Equal(t, got, printable(got, limit), "what is printable stays as it is")
	})
}

func TestAMegabyteIsCutFirst(t *testing.T) {
	hostile := strings.Repeat("\x1b[31m", 1<<18)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = printable(hostile, maxSaid)
	runtime.ReadMemStats(&after)

	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10))
}

func TestDurationsReadNaturally(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                 "0 ms",
		400 * time.Nanosecond:             "0 ms",
		850 * time.Microsecond:            "0.9 ms",
		40*time.Millisecond + 1:           "40 ms",
		999600 * time.Microsecond:         "1 s",
		1234 * time.Millisecond:           "1.2 s",
		12*time.Second + time.Millisecond: "12 s",
		59900 * time.Millisecond:          "1 min",
		61 * time.Second:                  "1 min 1 s",
		59*time.Minute + 59*time.Second:   "59 min 59 s",
		3 * time.Hour:                     "3 h",
		3*time.Hour + 5*time.Minute:       "3 h 5 min",
		-time.Second:                      "0 ms",
	} {
		require.Equal(t, want, report.Spell(d), d.String())
	}
}

var cluster = Definition{
	Hash: []byte{0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3},
	Peers: []Peer{
		{ID: decodeID("16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz"), Name: "alice"},
		{ID: decodeID("16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97"), Name: "bob"},
		{ID: decodeID("16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us"), Name: "carol"},
		{ID: decodeID("16Uiu2HAmFtkgruRS9pjW1i3kydsLP7GjjJ4yGwJjBwHZen1hXx2f")},
	},
}

func decodeID(s string) peer.ID {
	id, err := peer.Decode(s)
	if err != nil {
		panic(err)
	}
	return id
}

func TestAFailureIsAFullSentence(t *testing.T) {
	const again = "the ceremony cannot go on: stop every node and start the ceremony again together"
	gaveUp := errors.New("step \"keygen\": disk full")
	for _, test := range []struct {
		failure  roster.Failure
		sentinel error
		want     string
	}{
		{
			roster.Failure{Kind: roster.PeerRestarted, Culprit: 2, By: 2, From: 3, To: 0},
			ErrPeerRestarted,
			"operator 2 (carol) restarted: its step went from 3 to 0; " + again,
		},
		{
			roster.Failure{Kind: roster.SelfRestarted, Culprit: 0, By: 1, To: 4},
			ErrSelfRestarted,
			"this node (operator 0, alice) restarted: operator 1 (bob) is already at step 4; " + again,
		},
		{
			roster.Failure{Kind: roster.VersionMismatch, Culprit: 1, By: 1, Theirs: "v1.10", Wanted: "v1.11"},
			ErrVersionMismatch,
			"operator 1 (bob) runs v1.10, this node runs v1.11: " +
				"all members need the same major and minor version; " + again,
		},
		{
			roster.Failure{Kind: roster.VersionMismatch, Culprit: 1, By: 1, Wanted: "v1.11"},
			ErrVersionMismatch,
			"operator 1 (bob) runs an unknown version, this node runs v1.11: " +
				"all members need the same major and minor version; " + again,
		},
		{
			roster.Failure{Kind: roster.BadSignature, Culprit: 1, By: 1},
			ErrBadSignature,
			"operator 1 (bob) did not sign this node's definition deadbeefdeadbeef…: " +
				"all members need the same definition file; " + again,
		},
		{
			roster.Failure{Kind: roster.StepSkipped, Culprit: 3, By: 3, From: 1, To: 4},
			ErrStepSkipped,
			"operator 3 (…en1hXx2f) skipped a step: it went from 1 to 4; " + again,
		},
		{
			roster.Failure{Kind: roster.StepSkipped, Culprit: 1, By: 1, From: -1, To: -3},
			ErrStepSkipped,
			"operator 1 (bob) announced step -3 as its first; the first must be 0 or 1; " + again,
		},
		{
			roster.Failure{Kind: roster.LeftBehind, Culprit: 1, By: 1, From: 2, To: 4},
			ErrLeftBehind,
			"operator 1 (bob) left this node behind: it is at step 4 while this node waits for step 2; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerRejected, Culprit: 1, By: 1, Text: "invalid version"},
			ErrPeerRejected,
			"operator 1 (bob) refused this node: \"invalid version\"; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerAborted, Culprit: 2, By: 1, Reporter: -1, Text: "disk full"},
			ErrPeerAborted,
			"operator 2 (carol) made the ceremony fail, according to operator 1 (bob): \"disk full\"; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerAborted, Culprit: 2, By: 1, Reporter: 0, Text: "disk full"},
			ErrPeerAborted,
			"operator 2 (carol) made the ceremony fail, according to operator 1 (bob), " +
				"who heard it from operator 0 (alice)" +
				": \"disk full\"; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerAborted, Culprit: 2, By: 2, Reporter: -1, Text: "disk full"},
			ErrPeerAborted,
			"operator 2 (carol) ended the ceremony: \"disk full\"; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerTimeout, Culprit: 1, By: 1, Gone: time.Minute + 2*time.Millisecond},
			ErrPeerTimeout,
			"operator 1 (bob) has been gone for 1 min; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerTimeout, Culprit: 1, By: 1, Gone: time.Minute, Text: "dial timeout"},
			ErrPeerTimeout,
			"operator 1 (bob) has been gone for 1 min (dial timeout); " + again,
		},
		{
			roster.Failure{Kind: roster.PeerTimeout, Culprit: 1, By: 1, Gone: time.Minute, NotHeard: true},
			ErrPeerTimeout,
			"operator 1 (bob) has not been heard from for 1 min; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerTimeout, Culprit: 1, By: 1, Gone: time.Minute, NotReached: true},
			ErrPeerTimeout,
			"operator 1 (bob) can be heard, but has not been reached for 1 min; " + again,
		},
		{
			roster.Failure{Kind: roster.MembersMismatch, Culprit: 1, By: 1},
			ErrMembersMismatch,
			"operator 1 (bob) has other members for definition deadbeefdeadbeef… than this node, or lists them in " +
				"another order: all members need the same definition file; " + again,
		},
		{
			roster.Failure{Kind: roster.AttemptMismatch, Culprit: 1, By: 1},
			ErrPeerRestarted,
			"the members are in different attempts of the ceremony: one of them has restarted; " + again,
		},
		{
			roster.Failure{Kind: roster.ResultMismatch, By: 1, Reporter: -1, Text: "bob attests aa, carol attests bb"},
			ErrResultMismatch,
			"the results differ, according to operator 1 (bob): \"bob attests aa, carol attests bb\"; " + again,
		},
		{
			roster.Failure{Kind: roster.PeerLeft, Culprit: 1, By: 1, From: 2, To: 3},
			ErrPeerLeft,
			"operator 1 (bob) said goodbye at step 2, but step 3 was still to come: " +
				"do all members run the same number of steps? " + again,
		},
		{roster.Failure{Kind: roster.Stopped}, ErrStopped, "this node was stopped before the ceremony was complete"},
		{
			roster.Failure{Kind: roster.HostClosed},
			ErrHostClosed,
			"this node's own host was closed before the ceremony was complete: " +
				"close the ceremony first, then the host; " + again,
		},
		{roster.Failure{Kind: roster.Aborted}, ErrAborted, `this node gave up: step "keygen": disk full`},
	} {
		t.Run(test.failure.Kind.String(), func(t *testing.T) {
			err := explain(cluster, test.failure, gaveUp)

			require.EqualError(t, err, test.want)
			require.ErrorIs(t, err, test.sentinel)
			who, isPeer := errors.AsType[*PeerError](err)
			aboutMember := test.failure.Kind < roster.Aborted &&
				test.failure.Kind != roster.AttemptMismatch && test.failure.Kind != roster.ResultMismatch
			require.Equal(t, aboutMember, isPeer, "a member's failure names the member")
			if isPeer {
				require.Equal(t, test.failure.Culprit, who.Index)
				require.Equal(t, cluster.Peers[test.failure.Culprit], who.Peer)
			}
		})
	}
}

func TestAnAbortErrorWrapsItsReason(t *testing.T) {
	gaveUp := errors.New("disk full")

	err := explain(cluster, roster.Failure{Kind: roster.Aborted}, fmt.Errorf("step 2: %w", gaveUp))

	require.ErrorIs(t, err, ErrAborted)
	require.ErrorIs(t, err, gaveUp)
}

func TestAWaitErrorNamesWhoIsMissing(t *testing.T) {
	now := time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)
	bob := PeerStatus{
		Index: 1, Peer: cluster.Peers[1],
		Inbound: true, Outbound: true, Relayed: true,
		Step: 2, LastSeen: now.Add(-40 * time.Millisecond),
	}
	carol := PeerStatus{
		Index: 2, Peer: cluster.Peers[2],
		Step: -1, Since: now.Add(-12 * time.Second),
		LastError: errors.New("dial timeout"), Attempts: 9,
	}

	err := &WaitError{Barrier: report.BarrierStep, Step: 3, Missing: []PeerStatus{bob, carol}, members: 4, at: now}

	require.EqualError(t, err, "waiting for 2 of 4 at step 3: "+
		"carol (unreachable for 12 s: dial timeout, attempt 9), "+
		"bob (connected through a relay, at step 2, heard 40 ms ago)")
}

func TestAWaitErrorOmitsTheContextsError(t *testing.T) {
	dave := PeerStatus{Index: 3, Peer: cluster.Peers[3], Step: -1}
	for barrier, want := range map[string]string{
		report.BarrierConnected: "waiting for 1 to connect: …en1hXx2f (not heard from yet)",
		report.BarrierStep:      "waiting for 1 at step 2: …en1hXx2f (not heard from yet)",
		report.BarrierShutdown:  "waiting for 1 to say goodbye: …en1hXx2f (not heard from yet)",
	} {
		err := &WaitError{Barrier: barrier, Step: 2, Missing: []PeerStatus{dave}, Err: context.Canceled}

		require.EqualError(t, err, want)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestDescribeSaysHowAMemberStands(t *testing.T) {
	now := time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)
	since, lost := now.Add(-3*time.Second), errors.New("its stream was lost")
	for want, p := range map[string]PeerStatus{
		"not heard from yet":   {Step: -1},
		"connected, at step 0": {Inbound: true, Outbound: true},
		"has said goodbye":     {Done: true, Step: -1},
		"unreachable for 3 s: its stream was lost, attempt 2": {
			Step: -1, Since: since, LastError: lost, Attempts: 2,
		},
		"unreachable for a while: its stream was lost": {Step: -1, LastError: lost},
		"its node answers, but it has not opened this ceremony yet": {
			Step: -1, Outbound: true, Waiting: "it has not opened this ceremony yet",
		},
		"this node reaches it, but it has not reached this node for 3 s": {Step: -1, Since: since, Outbound: true},
		"not connected for 3 s, at step 2, heard 4 s ago": {
			Step: 2, Since: since, LastSeen: now.Add(-4 * time.Second),
		},
		"has answered this node's goodbye, but has not said its own, at step 3": {
			Step: 3, Since: since, Inbound: true, answered: true,
		},
		"it reaches this node, but this node has not reached it for 3 s, " +
			"at step 1": {Step: 1, Since: since, Inbound: true},
		"it reaches this node, but this node has not reached it for 3 s: its stream was lost": {
			Step: -1, Since: since, Inbound: true, LastError: lost,
		},
		"connected through a relay, at step 1, heard 3 s ago": {
			Step: 1, LastSeen: since, Inbound: true, Outbound: true, Relayed: true,
		},
	} {
		require.Equal(t, want, p.Describe(now))
	}
}

func TestAnAttemptAsksNobodyToStop(t *testing.T) {
	told := roster.Failure{
		Kind: roster.PeerAborted, Culprit: 2, By: 1, Text: "operator 2 (carol) restarted; " + startAgain,
	}

	err := &attemptError{explain(cluster, told, nil)}

	require.NotContains(t, err.Error(), "stop every node")
	require.Regexp(t, "carol.*restarted.*; this node begins again by itself$", err.Error())
	require.ErrorIs(t, err, ErrPeerAborted)
}
