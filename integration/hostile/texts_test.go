package hostile_test

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	fits = 15 << 10 // bytes of text that fit into a frame
	huge = 1 << 20
)

// texts has attacks by text. Every attack requires that its text reaches nobody
// unchanged.
var texts = []attack{
	{name: "has a nickname that terminals obey", do: isCalled(evil), gets: "answered"},
	{name: "has a nickname of 15 KiB", do: isCalled(long(fits)), gets: "answered"},
	{name: "has a nickname of 1 MiB", do: says(nickname(long(huge))), gets: violation},
	{name: "has a nickname that is not text", do: hasNoText(6), gets: violation},
	{
		name:  "has a version that terminals obey",
		do:    says(version("v1.0-" + evil)),
		gets:  refused,
		fails: syncmod.ErrVersionMismatch,
	},
	{
		name:  "has a version of 15 KiB",
		do:    says(version("v1.0-" + long(fits))),
		gets:  refused,
		fails: syncmod.ErrVersionMismatch,
	},
	{
		name:  "has a version with a huge number",
		do:    says(version("v1.99999999999999999999")),
		gets:  refused,
		fails: syncmod.ErrVersionMismatch,
	},
	{
		name:  "aborts in words that terminals obey",
		do:    says(abort(evil, "")),
		gets:  "answered, closed",
		fails: syncmod.ErrPeerAborted,
	},
	{
		name:  "aborts in 15 KiB",
		do:    says(abort(long(fits), "")),
		gets:  "answered, closed",
		fails: syncmod.ErrPeerAborted,
	},
	{name: "aborts in 1 MiB", do: says(abort(long(huge), "")), gets: violation},
	{
		name:  "aborts and blames 14 KiB",
		do:    says(abort(evil, peer.ID(long(fits-1<<10)))),
		gets:  "answered, closed",
		fails: syncmod.ErrPeerAborted,
	},
	{name: "means a definition of 15 KiB", do: says(definitionHash([]byte(long(fits)))), gets: violation},
	{name: "has a trace context that terminals obey", do: keepsOn(traceparent(evil)), gets: "answered"},
	{name: "has a trace context of 15 KiB", do: keepsOn(traceparent(long(fits))), gets: "answered"},
	{
		name: "has a trace context of another trace",
		do:   keepsOn(traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
		gets: "answered",
	},
}

// isCalled returns an attack that gives dave a nickname. The nickname is shown as far as it is
// safe.
func isCalled(name string) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		gets := keepsOn(nickname(name))(t, m)
		status := m.Until(alice, func(s syncmod.Status) bool { return s.Peers[dave-1].Nickname != "" })
		shown := status.Peers[dave-1].Nickname
		require.Contains(t, shown, "?[2J?[31mred")
		return gets
	}
}

// hasNoText returns an attack that sends a text field that is not UTF-8.
func hasNoText(field protowire.Number) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		s := m.open(t, alice)
		s.Send(t, harness.Framed(notUTF8(field)))
		return s.Fate()
	}
}

func notUTF8(field protowire.Number) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), "\xff\xfe")
}
