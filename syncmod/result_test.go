package syncmod_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// digest returns a result.
func digest(of string) []byte {
	sum := sha256.Sum256([]byte(of))
	return sum[:]
}

// attest returns a step in which a node attests a result. A nil result attests
// nothing.
func attest(c *syncmod.Ceremony, result []byte) syncmod.Step {
	return syncmod.Step{Name: "store", Run: func(context.Context) error {
		if result == nil {
			return nil
		}
		return c.Attest(result)
	}}
}

// runWith runs a ceremony of one step in which each node attests a result.
func runWith(t testing.TB, ceremonies []*syncmod.Ceremony, results ...[]byte) []error {
	t.Helper()
	ctx := harness.Within(t)
	of := make(map[*syncmod.Ceremony][]byte)
	for i, c := range ceremonies {
		of[c] = results[i]
	}
	return harness.Everyone(ceremonies, func(c *syncmod.Ceremony) error { return c.Run(ctx, attest(c, of[c])) })
}

func TestEqualResultsMakeEqualReceipts(t *testing.T) {
	nodes, def := newCluster(t, 4, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	key := digest("the key")
	require.Nil(t, ceremonies[0].Receipt())

	for _, err := range runWith(t, ceremonies, key, key, key, key) {
		require.NoError(t, err)
	}

	receipt := ceremonies[0].Receipt()
	require.NoError(t, receipt.Verify())
	require.Equal(t, key, receipt.Result())
	require.Equal(t, def.Hash, receipt.DefinitionHash)
	require.Equal(t, int64(2), receipt.LastStep)
	for i, m := range receipt.Members {
		require.Equal(t, def.Peers[i].ID, m.ID)
	}
	for i, c := range ceremonies {
		require.Equal(t, receipt, c.Receipt(), harness.Name(i))
	}
	closeAll(t, ceremonies)
	require.Contains(t, nodes[0].Logged(), "all 4 members attest ")
}

func TestWithoutResultsThereIsNoReceipt(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)

	run(t, ceremonies)

	require.Nil(t, ceremonies[0].Receipt())
}

func TestReceiptReturnsACopy(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	runWith(t, ceremonies, digest("the key"), digest("the key"))
	receipt := ceremonies[0].Receipt()

	receipt.DefinitionHash[0]++
	receipt.Members[1].Signature[0]++
	receipt.Members[0].Result[0]++

	require.NoError(t, ceremonies[0].Receipt().Verify())
}

func TestDifferentResultsFailEveryone(t *testing.T) {
	nodes, def := newCluster(t, 4, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)

	errs := runWith(t, ceremonies, []byte("\xaa\xaa"), []byte("\xaa\xaa"), []byte("\xbb"), nil)

	for i, err := range errs {
		require.ErrorIs(t, err, syncmod.ErrResultMismatch, harness.Name(i))
		var blamed *syncmod.PeerError
		require.NotErrorAs(t, err, &blamed)
		require.ErrorContains(t, err, "the results differ: ")
		if !strings.Contains(err.Error(), "according to") {
			require.ErrorContains(t, err, "; do all members run the same number of steps, and does each attest")
		}
		require.Regexp(t, `(this node|operator 2 \(carol\)) attests bb\b`, err.Error())
		require.Regexp(t, `(this node|operator 3 \(dave\)) attests nothing`, err.Error())
		require.Regexp(t, `(this node|operator 0 \(alice\)) and operator 1 \(bob\) attest aaaa\b|`+
			`this node and operator 0 \(alice\) attest aaaa\b`, err.Error())
		require.Equal(t, syncmod.Failed, ceremonies[i].Status().Phase)
		require.Nil(t, ceremonies[i].Receipt())
	}
}

func TestOnlyTheLatestResultIsAttested(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	require.NoError(t, ceremonies[1].Attest(digest("a first try")))
	advance(t, ceremonies)
	key := digest("the key")
	for _, c := range ceremonies {
		require.NoError(t, c.Attest(key))
	}
	key[0]++ // it belongs to the caller

	ctx := harness.Within(t)
	harness.RequireEach(t, ceremonies, func(c *syncmod.Ceremony) error { return c.Complete(ctx) })

	require.Equal(t, digest("the key"), ceremonies[0].Receipt().Result())
	err := ceremonies[0].Attest(key)
	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorContains(t, err, "too late: this node has already announced the last barrier, step 2")
}

func TestAResultHas1To64Bytes(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremony := harness.Open(t, nodes[:1], def)[0]

	for _, size := range []int{1, 64} {
		require.NoError(t, ceremony.Attest(make([]byte, size)))
	}
	for _, size := range []int{0, 65} {
		require.ErrorIs(t, ceremony.Attest(make([]byte, size)), syncmod.ErrInvalid)
	}
}

func TestAFailedCeremonyAttestsNothing(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremony := harness.Open(t, nodes[:1], def)[0]
	ceremony.Abort(nil)

	require.ErrorIs(t, ceremony.Attest([]byte{1}), syncmod.ErrAborted)
}

func TestAHashCannotBeAnAttestation(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	def.Hash = append([]byte("dkgsync/receipt/v1\x00"), digest("another ceremony")...)

	_, err := nodes[0].Service.Open(def)

	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorContains(t, err, "Definition.Hash: it begins like the text that a member signs to attest a result")
}

// lostKey is a key that signs definitions and then nothing more, like a key in a
// device that has been removed.
type lostKey struct{ crypto.PrivKey }

func (k lostKey) Sign(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("dkgsync/receipt/v1\x00")) {
		return nil, errors.New("the device is gone")
	}
	return k.PrivKey.Sign(data)
}

func TestAnUnsignableResultFails(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	require.NoError(t, nodes[0].Host.Peerstore().AddPrivKey(nodes[0].ID(), lostKey{nodes[0].Key}))
	ceremonies := harness.Open(t, nodes, def)

	errs := runWith(t, ceremonies, digest("the key"), digest("the key"))

	require.ErrorIs(t, errs[0], syncmod.ErrAborted)
	require.ErrorContains(t, errs[0], "signing the result: the device is gone")
	require.ErrorIs(t, errs[1], syncmod.ErrPeerAborted)
}

// lastStep brings alice and bob to the last barrier, step 2. Bob is played by hand and
// has a session. Alice has announced the barrier and attests the result, if any.
func lastStep(t *testing.T, result []byte) (s *scene, bob *harness.RawPeer, stream harness.RawStream, done chan error) {
	t.Helper()
	s = newScene(t, harness.Fast(), 1)
	bob = s.others[0]
	bob.Become(7)
	stream = s.run(t)[0]
	if result != nil {
		require.NoError(t, s.ceremony.Attest(result))
	}
	done = make(chan error, 1)
	ctx := harness.Within(t)
	go func() { done <- s.ceremony.Complete(ctx) }()
	harness.Until(t, s.ceremony, harness.In(syncmod.Completing))
	return s, bob, stream, done
}

func TestAttestationsFollowTheProtocol(t *testing.T) {
	key := digest("the key")
	s, bob, stream, done := lastStep(t, key)

	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, key)))
	stream.Say(t, bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, key), harness.Goodbye))

	require.NoError(t, <-done)
	require.NoError(t, s.ceremony.Receipt().Verify())
	require.Equal(t, uint64(7), s.ceremony.Receipt().Members[1].Session)
}

func TestABadAttestationNamesItsMember(t *testing.T) {
	key := digest("the key")
	for name, says := range map[string]harness.Saying{
		"another signature": harness.Attested(key, []byte("no signature")),
		"a long signature":  harness.Attested(key, make([]byte, 1025)),
		"no signature":      harness.Attested(key, nil),
		"no result":         harness.Attested(nil, make([]byte, 70)),
		"an empty result":   harness.Attested([]byte{}, make([]byte, 70)),
		"a long result":     harness.Attested(make([]byte, 65), make([]byte, 70)),
	} {
		for _, ours := range [][]byte{key, nil} {
			t.Run(name, func(t *testing.T) {
				s, bob, stream, done := lastStep(t, ours)

				stream.Say(t, bob.Request(t, s.def, harness.Step(2), says))

				err := <-done
				require.ErrorIs(t, err, syncmod.ErrResultMismatch)
				require.ErrorContains(t, err, "operator 1 (bob) attests a result with an invalid signature")
			})
		}
	}
}

// A signature for another step, session or ceremony is not an attestation here.
func TestAnAttestationIsForOneAttempt(t *testing.T) {
	key := digest("the key")
	otherwise := map[string]func(s *scene, bob *harness.RawPeer) []harness.Saying{
		"step": func(s *scene, bob *harness.RawPeer) []harness.Saying {
			return []harness.Saying{harness.Step(3), bob.Attesting(t, s.def, key), harness.Step(2)}
		},
		"session": func(s *scene, bob *harness.RawPeer) []harness.Saying {
			return []harness.Saying{
				harness.Step(2), harness.Session(8), bob.Attesting(t, s.def, key), harness.Session(7),
			}
		},
		"definition": func(s *scene, bob *harness.RawPeer) []harness.Saying {
			other := s.def
			other.Hash = harness.Hash("another one")
			return []harness.Saying{harness.Step(2), bob.Attesting(t, other, key)}
		},
		"members": func(s *scene, bob *harness.RawPeer) []harness.Saying {
			other := s.def
			other.Peers = append(other.Peers[:2:2], syncmod.Peer{ID: harness.NewHost(t).ID()})
			return []harness.Saying{harness.Step(2), bob.Attesting(t, other, key)}
		},
	}
	for name, says := range otherwise {
		t.Run(name, func(t *testing.T) {
			s, bob, stream, done := lastStep(t, key)

			stream.Say(t, bob.Request(t, s.def, says(s, bob)...))

			require.ErrorIs(t, <-done, syncmod.ErrResultMismatch)
		})
	}
}

func TestAnEarlyResultIsIgnored(t *testing.T) {
	key := digest("the key")
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Become(7)
	stream := s.run(t)[0]

	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1), bob.Attesting(t, s.def, []byte("early"))))
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(1), harness.Attested(make([]byte, 65), nil)))
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, key)))
	require.NoError(t, s.ceremony.Attest(key))
	ctx := harness.Within(t)
	done := make(chan error, 1)
	go func() { done <- s.ceremony.Complete(ctx) }()

	harness.Until(t, s.ceremony, func(status syncmod.Status) bool { return s.ceremony.Receipt() != nil })
	stream.Say(t, bob.Request(t, s.def, harness.Step(2), harness.Goodbye))
	require.NoError(t, <-done)
}

func TestRequestsCarryTheResultAtTheEnd(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	said := bob.Answer()
	bob.Become(7)
	stream := s.meet(t, bob, harness.Step(1))
	ctx := harness.Within(t)
	_, err := s.ceremony.Advance(ctx)
	require.NoError(t, err)
	key := digest("the key")
	require.NoError(t, s.ceremony.Attest(key))
	done := make(chan error, 1)
	go func() { done <- s.ceremony.Complete(ctx) }()
	harness.Until(t, s.ceremony, harness.In(syncmod.Completing))
	stream.Say(t, bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, key), harness.Goodbye))
	require.NoError(t, <-done)

	for {
		r := <-said
		if r.GetStep() < 2 {
			require.Nil(t, r.Result)
			require.Empty(t, r.GetAttestation())
			continue
		}
		require.Equal(t, key, r.GetResult())
		require.Equal(t, s.ceremony.Receipt().Members[0].Signature, r.GetAttestation())
		if r.GetShutdown() {
			return
		}
	}
}

func TestAnAbortNamesDifferentResults(t *testing.T) {
	for name, ours := range map[string][]byte{"with a result": digest("the key"), "without one": nil} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, harness.Fast(), 1)
			bob := s.others[0]
			said := bob.Answer()
			bob.Become(7)
			stream := s.meet(t, bob, harness.Step(1))
			ctx := harness.Within(t)
			_, err := s.ceremony.Advance(ctx)
			require.NoError(t, err)
			if ours != nil {
				require.NoError(t, s.ceremony.Attest(ours))
			}
			stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, digest("another"))))

			require.ErrorIs(t, s.ceremony.Complete(ctx), syncmod.ErrResultMismatch)

			for r := range said {
				if r.GetAbort() == "" {
					continue
				}
				require.NotNil(t, r.Result)
				require.True(t, bytes.Equal(ours, r.GetResult()))
				require.Empty(t, r.GetAttestation())
				require.Empty(t, r.GetCulprit())
				require.Regexp(t, `^the results differ: operator 0 \(alice\) attests `, r.GetAbort())
				break
			}
			response := stream.Ask(t, bob.Request(t, s.def, harness.Step(2)))
			require.True(t, response.GetDiffer())
			require.NotEmpty(t, response.GetError())
		})
	}
}

// different is what a member says about different results.
const different = "operator 1 (bob) attests aa, operator 2 (carol) attests bb"

func TestAnAbortForDifferentResultsFails(t *testing.T) {
	s := newScene(t, harness.Fast(), 2)
	bob, carol := s.others[0], s.others[1]
	bob.Become(7)
	carol.Become(8)
	stream := s.run(t)[0]

	stream.Say(t, bob.Request(t, s.def, harness.Step(1), harness.Attested([]byte{}, nil),
		harness.Abort(different, carol.Host.ID()), harness.Reporter(carol.Host.ID())))

	err := harness.Failure(t, s.ceremony)
	require.ErrorIs(t, err, syncmod.ErrResultMismatch)
	require.ErrorContains(t, err, "the results differ, according to operator 1 (bob), who heard it from "+
		`operator 2 (carol): "`+different+`"; `)
	var blamed *syncmod.PeerError
	require.NotErrorAs(t, err, &blamed)
}

func TestARefusalForDifferentResultsFails(t *testing.T) {
	s := newScene(t, harness.Fast(), 1)
	bob := s.others[0]
	bob.Serve(func(_ harness.RawStream, r *syncpb.SyncRequest) *syncpb.SyncResponse {
		response := bob.Response(r)
		if r.GetStep() == 1 {
			response.Error, response.Differ = different, true
		}
		return response
	})
	bob.Become(7)
	s.meet(t, bob, harness.Step(0))

	_, err := s.ceremony.Advance(harness.Within(t))

	require.ErrorIs(t, err, syncmod.ErrResultMismatch)
	require.ErrorContains(t, err, `the results differ, according to operator 1 (bob): "`+different)
}

func TestAReceiptIsOneLineOfJSON(t *testing.T) {
	nodes, def := newCluster(t, 2, harness.Fast())
	ceremonies := harness.Open(t, nodes, def)
	runWith(t, ceremonies, digest("the key"), digest("the key"))

	text, err := json.Marshal(ceremonies[0].Receipt())

	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), `{"type":"dkgsync/receipt/v1","definition_hash":"`), string(text))
	parsed, err := syncmod.ParseReceipt(text)
	require.NoError(t, err)
	require.Equal(t, ceremonies[0].Receipt(), parsed)
}
