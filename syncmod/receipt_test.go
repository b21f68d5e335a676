package syncmod_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// keysOfAllTypes returns a key of each type that libp2p has.
func keysOfAllTypes(t testing.TB) []crypto.PrivKey {
	t.Helper()
	var keys []crypto.PrivKey
	for _, of := range []int{crypto.Secp256k1, crypto.Ed25519, crypto.ECDSA, crypto.RSA} {
		key, _, err := crypto.GenerateKeyPairWithReader(of, 2048, rand.Reader)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return keys
}

// newReceipt returns a receipt of a ceremony of real nodes. Their keys are of all
// types, in the order of [keysOfAllTypes].
func newReceipt(t testing.TB) *syncmod.Receipt {
	t.Helper()
	c := harness.New(t, 4, harness.With(harness.Fast()), harness.Keys(keysOfAllTypes(t)...))
	c.Idle()
	ceremonies := harness.Open(t, c.Nodes, c.Define(t.Name()))
	key := digest("the key")
	for _, err := range runWith(t, ceremonies, key, key, key, key) {
		require.NoError(t, err)
	}
	return ceremonies[0].Receipt()
}

func TestAReceiptHasTheKeysThatPeerIDsLack(t *testing.T) {
	receipt := newReceipt(t)

	require.NoError(t, receipt.Verify())
	var has []bool
	for _, m := range receipt.Members {
		has = append(has, m.PublicKey != nil)
	}
	require.Equal(t, []bool{false, false, true, true}, has)
}

func TestAChangedReceiptIsRefused(t *testing.T) {
	text, err := json.Marshal(newReceipt(t))
	require.NoError(t, err)
	refused := func(changed []byte) bool {
		r, err := syncmod.ParseReceipt(changed)
		return err != nil || r.Verify() != nil
	}
	require.False(t, refused(text))
	for i, was := range text {
		for _, is := range []byte{was ^ 1, was ^ 2, was ^ 4, was ^ 8, was ^ 0x20, '0', 'f', '"', ' '} {
			if is != was {
				changed := bytes.Clone(text)
				changed[i] = is
				require.True(t, refused(changed), "byte %d: %q instead of %q", i, is, was)
			}
		}
		require.True(t, refused(append(bytes.Clone(text[:i]), text[i+1:]...)), "without byte %d", i)
		for _, more := range []byte("0f ,\n") {
			longer := append(append(bytes.Clone(text[:i]), more), text[i:]...)
			require.True(t, refused(longer), "%q before byte %d", more, i)
		}
	}
	require.True(t, refused(append(text, '\n')))
}

func TestAReencodedSignatureIsRefused(t *testing.T) {
	receipt := newReceipt(t)
	refuses := func(member int, signature []byte) {
		t.Helper()
		changed := *receipt
		changed.Members = slices.Clone(receipt.Members)
		changed.Members[member].Signature = signature
		err := changed.Verify()
		require.ErrorIs(t, err, syncmod.ErrBadSignature)
		require.Equal(t, member, harness.Culprit(t, err).Index)
	}
	for i, m := range receipt.Members {
		refuses(i, append(slices.Clone(m.Signature), 0))
		for bit := range len(m.Signature) * 8 {
			flipped := slices.Clone(m.Signature)
			flipped[bit/8] ^= 1 << (bit % 8)
			refuses(i, flipped)
		}
	}
	secp256k1, ok := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	require.True(t, ok)
	for member, order := range map[int]*big.Int{0: secp256k1, 2: elliptic.P256().Params().N} {
		var pair crypto.ECDSASig
		_, err := asn1.Unmarshal(receipt.Members[member].Signature, &pair)
		require.NoError(t, err)
		pair.S.Sub(order, pair.S)
		high, err := asn1.Marshal(pair)
		require.NoError(t, err)
		refuses(member, high)
	}
}

func TestABadSignatureNamesTheMember(t *testing.T) {
	receipt := newReceipt(t)
	for i := range receipt.Members {
		changed := *receipt
		changed.Members = append([]syncmod.Attestation(nil), receipt.Members...)
		changed.Members[i].Session++

		err := changed.Verify()

		require.ErrorIs(t, err, syncmod.ErrBadSignature)
		require.Equal(t, i, harness.Culprit(t, err).Index)
		require.ErrorContains(t, err, fmt.Sprintf("operator %d (…", i))
	}
}

// sample returns the stored receipt.
func sample(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/receipt.json")
	require.NoError(t, err)
	return text
}

// changedReceipt returns the stored receipt with a change.
func changedReceipt(t *testing.T, change func(r *syncmod.Receipt)) *syncmod.Receipt {
	t.Helper()
	r, err := syncmod.ParseReceipt(sample(t))
	require.NoError(t, err)
	change(r)
	return r
}

func TestAnOldReceiptStillVerifies(t *testing.T) {
	r, err := syncmod.ParseReceipt(sample(t))
	require.NoError(t, err)

	require.NoError(t, r.Verify())
	require.Zero(t, r.Members[3].Session, "the foreign member")
	require.Nil(t, r.Members[3].Result)
	again, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, string(sample(t)), string(again))
}

func TestANestedReceiptMayBeIndented(t *testing.T) {
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, []byte(`{"receipt":`+string(sample(t))+`}`), "", "  "))
	var file struct{ Receipt *syncmod.Receipt }

	require.NoError(t, json.Unmarshal(indented.Bytes(), &file))

	require.NoError(t, file.Receipt.Verify())
	require.Error(t, json.Unmarshal([]byte(`{"receipt": {}}`), &file))
}

func TestABadReceiptIsRefused(t *testing.T) {
	for want, change := range map[string]func(*syncmod.Receipt){
		"a definition hash of 0 bytes":  func(r *syncmod.Receipt) { r.DefinitionHash = nil },
		"a definition hash of 65 bytes": func(r *syncmod.Receipt) { r.DefinitionHash = make([]byte, 65) },
		"begins like the text that a member": func(r *syncmod.Receipt) {
			r.DefinitionHash = []byte("dkgsync/receipt/v1\x00")
		},
		"step 0 cannot be the last barrier": func(r *syncmod.Receipt) { r.LastStep = 0 },
		"1 members":                         func(r *syncmod.Receipt) { r.Members = r.Members[:1] },
		"1025 members":                      func(r *syncmod.Receipt) { r.Members = make([]syncmod.Attestation, 1025) },
		"no member attests anything": func(r *syncmod.Receipt) {
			r.Members = []syncmod.Attestation{r.Members[3], {}}
		},
		"operators 0 and 3 have the same": func(r *syncmod.Receipt) { r.Members[3].ID = r.Members[0].ID },
		"is not a peer ID":                func(r *syncmod.Receipt) { r.Members[3].ID = "dave" },
		"a result, but has no session":    func(r *syncmod.Receipt) { r.Members[0].Session = 0 },
		"a result of 0 bytes":             func(r *syncmod.Receipt) { r.Members[1].Result = nil },
		"a result of 65 bytes":            func(r *syncmod.Receipt) { r.Members[1].Result = make([]byte, 65) },
		"a signature of 0 bytes":          func(r *syncmod.Receipt) { r.Members[1].Signature = nil },
		"a signature of 1025 bytes":       func(r *syncmod.Receipt) { r.Members[1].Signature = make([]byte, 1025) },
		"public key that its peer ID":     func(r *syncmod.Receipt) { r.Members[0].PublicKey = r.Members[2].PublicKey },
		"not the one of its peer ID": func(r *syncmod.Receipt) {
			r.Members[2].ID, r.Members[3].ID = r.Members[3].ID, r.Members[2].ID
		},
		"is not encoded as libp2p does": func(r *syncmod.Receipt) {
			r.Members[2].PublicKey = append(r.Members[2].PublicKey, 0x18, 1)
		},
	} {
		t.Run(want, func(t *testing.T) {
			r := changedReceipt(t, change)

			err := r.Verify()

			require.ErrorIs(t, err, syncmod.ErrInvalid)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestANilReceiptDoesNotVerify(t *testing.T) {
	s, _, _, _ := lastStep(t, digest("the key"))

	err := s.ceremony.Receipt().Verify()

	require.ErrorIs(t, err, syncmod.ErrInvalid)
	require.ErrorContains(t, err, "there is none")
}

func TestDifferentResultsDoNotVerify(t *testing.T) {
	// Bob has signed two results in one attempt. The receipt is made of both.
	s, bob, stream, done := lastStep(t, digest("the key"))
	stream.Accepted(t, bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, digest("the key"))))
	other := bob.Request(t, s.def, harness.Step(2), bob.Attesting(t, s.def, digest("another")))
	stream.Say(t, bob.Request(t, s.def, harness.Step(2), harness.Goodbye))
	require.NoError(t, <-done)
	r := s.ceremony.Receipt()

	r.Members[1].Result, r.Members[1].Signature = other.GetResult(), other.GetAttestation()

	require.ErrorIs(t, r.Verify(), syncmod.ErrResultMismatch)
}

func TestBadReceiptTextIsRefused(t *testing.T) {
	for want, text := range map[string]string{
		"unexpected end of JSON input":      "",
		"it is a JSON array, not an object": "[]",
		"members must not be a JSON string": `{"type":"dkgsync/receipt/v1","members":["x"]}`,
		"its type is \"fxapp/share/v1\"":    `{"members":["x"],"type":"fxapp/share/v1"}`,
		"its type is \"\"":                  "{}",
		"this program reads":                strings.Replace(string(sample(t)), "receipt/v1", "receipt/v2", 1),
		"at most 8388608":                   strings.Repeat(" ", 8<<20+1),
		"it has more than 1024":             strings.Repeat(",", 6000),
		"no other field":                    strings.Replace(string(sample(t)), "{", `{"note":"",`, 1),
		"lower-case hex":                    strings.Replace(string(sample(t)), `,"members"`, ` ,"members"`, 1),
		"operator 0: its peer ID":           strings.Replace(string(sample(t)), `"peer_id":"1`, `"peer_id":"x`, 1),
	} {
		t.Run(want, func(t *testing.T) {
			_, err := syncmod.ParseReceipt([]byte(text))

			require.ErrorIs(t, err, syncmod.ErrInvalid)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestTheLargestReceiptIsRead(t *testing.T) {
	r := changedReceipt(t, func(*syncmod.Receipt) {})
	member := r.Members[2] // its key is in the receipt
	for len(r.Members) < 1024 {
		_, public, err := crypto.GenerateEd25519Key(rand.Reader)
		require.NoError(t, err)
		m := member
		m.ID, err = peer.IDFromPublicKey(public)
		require.NoError(t, err)
		m.PublicKey = nil
		r.Members = append(r.Members, m)
	}
	text, err := json.Marshal(r)
	require.NoError(t, err)

	_, err = syncmod.ParseReceipt(text)

	require.NoError(t, err)
	require.Error(t, r.Verify())
}

// Every text that can be parsed is the same after it is encoded again, and
// verifying it does not panic.
func FuzzParseReceipt(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte(`{"type":"dkgsync/receipt/v1","definition_hash":"00","last_step":1,"members":[{"peer_id":"1"},null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := syncmod.ParseReceipt(text)
		if err != nil {
			require.ErrorIs(t, err, syncmod.ErrInvalid)
			require.Nil(t, r)
			return
		}
		again, err := json.Marshal(r)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
		if err := r.Verify(); err != nil {
			require.True(t, errors.Is(err, syncmod.ErrBadSignature) || errors.Is(err, syncmod.ErrResultMismatch), err)
		}
	})
}
