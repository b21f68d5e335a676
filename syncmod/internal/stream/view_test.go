package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

func TestAViewThatDoesNotFitIsVoid(t *testing.T) {
	s := newSteady(t)
	clients := NewClients(s.cfg, s.ceremony.Broken).Of(s.ceremony)
	defer clients.End()
	var told []byte
	o := newOutbound(clients.members[1], &steadyStream{conn: s.conn, write: func(frame []byte) {
		var request syncpb.SyncRequest
		require.NoError(t, wire.DecodeRequest(frame[wire.HeaderSize:], &request))
		told = request.GetView()
	}})
	o.facts = s.ceremony.Outbound(Opening{Member: 1, ID: o.id})
	tells := func(view []byte) []byte {
		s.ceremony.view = &View{Bits: view}
		o.beat(time.Now())
		first := told
		o.beat(time.Now())
		require.Nil(t, told, "told again")
		return first
	}
	announce := func(a Announcement) { o.announced.Store(s.ceremony.terms.NewAnnouncement(a, time.Now())) }

	announce(Announcement{Step: 1})
	require.Equal(t, []byte{0x30, 0x03}, tells([]byte{0x30, 0x03}))

	announce(Announcement{Step: 2, Result: make([]byte, MaxResult), Attestation: make([]byte, MaxAttestation+200)})
	require.Equal(t, []byte{0}, tells([]byte{0x33, 0x03}), "too short for a view")
	require.Equal(t, []byte{0x03}, tells([]byte{0x03}),
		"a view of two members is as short as the empty one, so it fits")
}
