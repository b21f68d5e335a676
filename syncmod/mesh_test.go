package syncmod_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

func TestViewsAndPairsReadWellAsJSON(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	view := []syncmod.Link{{Inbound: true, Outbound: true, Relayed: true}, {}}
	text, err := json.Marshal(syncmod.Status{
		Broken: []syncmod.BrokenLink{{A: 1, B: 2, Since: since}},
		Peers:  []syncmod.PeerStatus{{Index: 1, View: view}},
	})
	require.NoError(t, err)

	require.Contains(t, string(text), `"broken":[{"a":1,"b":2,"since":"2026-01-02T03:04:05Z"}]`)
	require.Contains(t, string(text), `"view":[{"inbound":true,"outbound":true,"relayed":true,"done":false},`+
		`{"inbound":false,"outbound":false,"relayed":false,"done":false}]`)
}

func TestAnEmptyViewRemovesTheView(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	for _, p := range s.others {
		p.Become(7)
	}
	stream, bob := s.run(t)[0], s.others[0]

	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1), harness.View([]byte{0x03, 0x00})))
	require.NotNil(t, s.ceremony.Status().Peers[0].View)

	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1), harness.View([]byte{0})))
	require.Nil(t, s.ceremony.Status().Peers[0].View)
}
