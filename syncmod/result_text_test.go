package syncmod

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// differ returns the ceremony as operator 0 has it, after it has failed because of
// the members' results. An empty text means that the member attests no result. "?"
// means a result that is not signed. "-" means a foreign member.
func differ(t *testing.T, results ...string) *core {
	t.Helper()
	version, err := roster.ParseVersion("v1.0")
	require.NoError(t, err)
	now := time.Now()
	c := &core{terms: &stream.Terms{}, state: state{roster: roster.New(now, roster.Config{
		Members: len(results), Session: 1, Version: version, VersionText: "v1.0",
	})}}
	c.roster.Open(now)
	attestation := func(result string) *roster.Attestation {
		if result == "" || result == "-" {
			return nil
		}
		return &roster.Attestation{Result: result, Verified: result != "?"}
	}
	require.NoError(t, c.roster.Attest(attestation(results[0])))
	require.NoError(t, c.roster.AnnounceLast(now, 1))
	for i, result := range results {
		c.def.Peers = append(c.def.Peers, Peer{ID: peer.ID(fmt.Sprint("peer ", i)), Name: fmt.Sprint("m", i)})
		if i == 0 {
			continue
		}
		id, session := roster.StreamID(i), uint64(i)
		if result == "-" {
			session = 0
		}
		c.roster.OutboundOpened(i, id, false)
		c.roster.Response(now, i, id, roster.Response{Session: session})
		c.roster.Request(now, i, id, roster.Request{
			Version: "v1.0", Signed: true, Session: session, Addressee: 1, Step: 1, Attestation: attestation(result),
		})
	}
	require.Equal(t, roster.ResultMismatch, c.roster.Failure().Kind)
	return c
}

func TestAttestationsAreGrouped(t *testing.T) {
	for _, test := range []struct {
		results    []string
		ours, told string
	}{
		{
			[]string{"a", "b", "a", "-"},
			"this node and operator 2 (m2) attest 61, operator 1 (m1) attests 62; compare only the definition files " +
				"and the results named here, and never show anyone a key file",
			"operator 0 (m0) and operator 2 (m2) attest 61, operator 1 (m1) attests 62",
		},
		{
			[]string{"", "b", "?"},
			"this node attests nothing, operator 1 (m1) attests 62, " +
				"operator 2 (m2) attests a result with an invalid signature; do all members run",
			"operator 0 (m0) attests nothing, operator 1 (m1) attests 62",
		},
		{
			[]string{"b", "a", "a", "a", "a", "a"},
			"this node attests 62, operator 1 (m1), operator 2 (m2), operator 3 (m3) and 2 others attest 61; ",
			"operator 0 (m0) attests 62, operator 1 (m1), operator 2 (m2), operator 3 (m3) and 2 others attest 61; ",
		},
		{
			[]string{"a", "b", "c", "d", "e", "f"},
			"operator 3 (m3) attests 64, and 2 others something else; ",
			"operator 3 (m3) attests 64, and 2 others something else; ",
		},
		{
			[]string{"a", "b", "c", "d", "e", "f", "f"},
			"operator 3 (m3) attests 64, and 3 others something else; ",
			"operator 3 (m3) attests 64, and 3 others something else; ",
		},
		{ // as short as possible while they still differ
			[]string{"abcdefgh", "abcdexyz", "12345678"},
			"this node attests 616263646566…, operator 1 (m1) attests 616263646578…, " +
				"operator 2 (m2) attests 31323334…; ",
			"operator 0 (m0) attests 616263646566…, ",
		},
		{
			[]string{"abcd", "abcdefgh"},
			"this node attests 61626364, operator 1 (m1) attests 6162636465…; ",
			"operator 0 (m0) attests 61626364, ",
		},
	} {
		told, err := differ(t, test.results...).differing()

		require.ErrorIs(t, err, ErrResultMismatch)
		require.ErrorContains(t, err, "the results differ: ")
		require.ErrorContains(t, err, test.ours)
		require.ErrorContains(t, err, startAgain)
		require.Contains(t, told, "the results differ: ")
		require.Contains(t, told, test.told)
		require.LessOrEqual(t, len(told), maxReason)
	}
}
