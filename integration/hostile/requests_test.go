package hostile_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

const anotherSession = session + 1

// requests has attacks on the rules.
var requests = []attack{
	{name: "jumps three steps", do: says(step(4)), gets: refused, fails: syncmod.ErrStepSkipped},
	{
		name:    "jumps three steps, without a session",
		foreign: true,
		do:      says(step(4)),
		gets:    refused,
		fails:   syncmod.ErrStepSkipped,
	},
	{name: "jumps as far as possible", do: says(step(math.MaxInt64)), gets: refused, fails: syncmod.ErrStepSkipped},
	{name: "climbs two steps a hundred times", do: climbs, gets: "answered", fails: syncmod.ErrLeftBehind},
	{name: "goes back a step", do: says(step(0)), gets: violation},
	{
		name:    "goes back a step, without a session",
		foreign: true,
		do:      says(step(0)),
		gets:    refused,
		fails:   syncmod.ErrPeerRestarted,
	},
	{name: "goes back as far as possible", do: says(step(math.MinInt64)), gets: violation},
	{name: "asks and answers in different sessions", do: says(ofSession(anotherSession)), gets: greeted},
	{name: "addresses another process", do: says(addressee(anotherSession), step(4)), gets: greeted},
	{name: "aborts the attempt of another process", do: abortsAnother, gets: "answered, closed"},
	{name: "comes back without its session", do: says(ofSession(0)), gets: refused, fails: syncmod.ErrPeerRestarted},
	{name: "changes its session on a stream", do: changesSession, gets: greeted},
	{name: "shows another member's signature", do: copySignature, gets: refused, fails: syncmod.ErrBadSignature},
	{name: "shows no signature", do: says(signature(nil)), gets: refused, fails: syncmod.ErrBadSignature},
	{name: "has another definition", do: meansAnother(definitionHash(harness.Hash("another"))), gets: greeted},
	{name: "has another definition, but does not name it", do: meansAnother(definitionHash(nil)), gets: violation},
	{
		name:  "lists other members",
		do:    says(memberList([]byte("others!!"))),
		gets:  refused,
		fails: syncmod.ErrMembersMismatch,
	},
	{name: "names a definition and signs another", do: signsAnother, gets: refused, fails: syncmod.ErrBadSignature},
	{name: "says goodbye too early", do: leaves, gets: "answered, closed", fails: syncmod.ErrPeerLeft},
	{name: "says goodbye with a bad signature", do: leavesUnsigned, gets: refused, fails: syncmod.ErrBadSignature},
	{name: "aborts", do: says(abort("no more", "")), gets: "answered, closed", fails: syncmod.ErrPeerAborted},
	{
		name:  "aborts and blames another",
		do:    blames(bob),
		gets:  "answered, closed",
		fails: syncmod.ErrPeerAborted,
		names: bob,
	},
	{
		name:  "aborts and blames the victim",
		do:    blames(alice),
		gets:  "answered, closed",
		fails: syncmod.ErrPeerAborted,
		names: herself,
	},
	{
		name:  "aborts and blames an unknown peer",
		do:    says(abort("it was he", "\x00\x01nobody")),
		gets:  "answered, closed",
		fails: syncmod.ErrPeerAborted,
	},
	{
		name:  "aborts with a bad signature and blames another",
		do:    blames(bob, signature(nil)),
		gets:  refused,
		fails: syncmod.ErrBadSignature,
	},
	{name: "sends a view without members", do: keepsOn(harness.View([]byte{0xff})), gets: "answered"},
	{name: "sends a view of itself", do: keepsOn(harness.View([]byte{0x33, 0x33})), gets: "answered"},
	{name: "sends a view of 8,000 members", do: keepsOn(harness.View(make([]byte, 4000))), gets: "answered"},
	{name: "claims that nobody reaches anybody", do: claimsNobody, gets: "answered"},
	{name: "sends no time", do: keepsOn(noTime), gets: "answered"},
	{name: "sends an impossible time", do: keepsOn(noSuchTime), gets: "answered"},
	{name: "sends 8 KiB of unknown fields", do: keepsOn(unknownFields), gets: "answered"},
}

// abortsAnother aborts an attempt that is over.
func abortsAnother(t testing.TB, m *member) string {
	return says(addressee(anotherSession), abort("no more", ""))(t, m)
}

// says returns an attack that opens a stream and says one thing on it.
func says(what ...harness.Saying) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		s := m.open(t, alice)
		_, _ = s.Write(harness.Frame(m.request(t, what...))) // reset halfway if the request is too long
		return s.Fate()
	}
}

// keepsOn returns an attack that says one thing twice, and requires an answer both times.
func keepsOn(what harness.Saying) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		s := m.open(t, alice)
		for range 2 {
			request := m.request(t, what)
			s.Say(t, request)
			response := s.Hear(t)
			require.Equal(t, request.GetTimestamp().GetSeconds(), response.GetSyncTimestamp().GetSeconds())
			require.Empty(t, response.GetError())
		}
		return "answered"
	}
}

// claimsNobody sends a view that is possible but false. The node shows it, and nothing
// else changes.
func claimsNobody(t testing.TB, m *member) string {
	gets := keepsOn(harness.View([]byte{0x03, 0x00}))(t, m) // he reaches alice and nobody else
	status := m.Until(alice, func(s syncmod.Status) bool { return len(s.Broken) == 2 })
	require.Equal(t, []int{bob, dave}, []int{status.Broken[0].A, status.Broken[0].B})
	require.Equal(t, []int{carol, dave}, []int{status.Broken[1].A, status.Broken[1].B})
	return gets
}

func noTime(r *syncpb.SyncRequest) { r.Timestamp, r.SessionId = nil, session }

func noSuchTime(r *syncpb.SyncRequest) {
	r.Timestamp = &timestamppb.Timestamp{Seconds: math.MinInt64, Nanos: math.MaxInt32}
}

func unknownFields(r *syncpb.SyncRequest) {
	var fields []byte
	for number := protowire.Number(2000); len(fields) < 8<<10; number++ {
		fields = protowire.AppendTag(fields, number, protowire.BytesType)
		fields = protowire.AppendBytes(fields, []byte(evil))
	}
	r.ProtoReflect().SetUnknown(fields)
}

func climbs(t testing.TB, m *member) string {
	s := m.open(t, alice)
	for n := int64(3); n < 200; n += 2 {
		s.Accepted(t, m.request(t, step(n)))
	}
	m.TryAdvance(alice)
	return "answered"
}

func changesSession(t testing.TB, m *member) string {
	s := m.open(t, alice)
	s.Accepted(t, m.request(t))
	s.Say(t, m.request(t, ofSession(anotherSession)))
	return s.Fate()
}

// copySignature sends a signature that another member sent to dave.
func copySignature(t testing.TB, m *member) string {
	bobs := m.copied.Load().GetHashSignature()
	valid, err := m.Nodes[bob].Key.GetPublic().Verify(harness.Hash(m.about), bobs)
	require.NoError(t, err)
	require.True(t, valid)
	return says(signature(bytes.Clone(bobs)))(t, m)
}

func meansAnother(what ...harness.Saying) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		return says(append(what, signature(m.sign(t, "another")))...)(t, m)
	}
}

func signsAnother(t testing.TB, m *member) string {
	return says(definitionHash(harness.Hash(m.about)), signature(m.sign(t, "another")))(t, m)
}

func leaves(t testing.TB, m *member) string {
	gets := says(goodbye)(t, m)
	m.TryAdvance(alice)
	return gets
}

func leavesUnsigned(t testing.TB, m *member) string {
	gets := says(goodbye, signature(nil))(t, m)
	require.False(t, m.Nodes[alice].Ceremony.Status().Peers[dave-1].Done)
	return gets
}

// blames returns an attack that aborts and blames somebody else. Each
// node that hears this from dave says that the accusation is dave's.
func blames(whom int, what ...harness.Saying) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		gets := says(append(what, abort("the disk is full", m.Nodes[whom].ID()))...)(t, m)
		require.ErrorContains(t, m.Failure(alice), "operator 3 (dave)")
		return gets
	}
}
