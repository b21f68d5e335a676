package dkg

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drand/kyber"
	"github.com/drand/kyber/util/random"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// finished is a complete ceremony: its definition, the shares and the receipt.
type finished struct {
	definition syncmod.Definition
	shares     []*Share
	receipt    *syncmod.Receipt
}

func newFinished(t testing.TB, n int) finished {
	t.Helper()
	c := newCluster(t, n)
	f := finished{definition: c.definition, shares: c.complete()}
	content, err := os.ReadFile(filepath.Join(c.nodes[0].dir, receiptName))
	require.NoError(t, err)
	f.receipt, err = syncmod.ParseReceipt(content)
	require.NoError(t, err)
	return f
}

// unconfirmed returns a directory with alice's unconfirmed share.
func (f finished) unconfirmed(t testing.TB) (dir, name string) {
	t.Helper()
	dir = t.TempDir()
	store, err := OpenStore(dir, f.definition)
	require.NoError(t, err)
	name, err = store.write(f.shares[alice])
	require.NoError(t, err)
	return dir, name
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	n := &node{cluster: &cluster{t: t}, dir: dir}
	return n.files()
}

func TestAnothersReceiptConfirms(t *testing.T) {
	f := newFinished(t, 2)
	dir, name := f.unconfirmed(t)
	require.Equal(t, fmt.Sprintf("share-%x.unconfirmed.json", f.shares[alice].GroupKey[:8]), name)
	_, err := ReadShare(dir)
	require.ErrorContains(t, err, "no receipt confirms the share in it")

	confirmed, err := Confirm(dir, f.receipt)

	require.NoError(t, err)
	require.Equal(t, f.shares[alice].GroupKey, confirmed.GroupKey)
	require.Equal(t, []string{receiptName, shareName}, names(t, dir))
	read, err := ReadShare(dir)
	require.NoError(t, err)
	requireOneKey(t, []*Share{read, f.shares[bob]})
	_, err = Confirm(dir, f.receipt)
	require.NoError(t, err, "again")
}

func TestAMissingReceiptIsRestored(t *testing.T) {
	f := newFinished(t, 2)
	dir, _ := f.unconfirmed(t)
	_, err := Confirm(dir, f.receipt)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, receiptName)))
	_, err = ReadShare(dir)
	require.ErrorContains(t, err, "the receipt of share.json is missing")

	_, err = Confirm(dir, f.receipt)

	require.NoError(t, err)
	_, err = ReadShare(dir)
	require.NoError(t, err)
}

func TestAWrongReceiptConfirmsNothing(t *testing.T) {
	f, other := newFinished(t, 2), newFinished(t, 2)
	dir, name := f.unconfirmed(t)
	forged := *f.receipt
	forged.Members = append([]syncmod.Attestation(nil), f.receipt.Members...)
	forged.Members[bob].Session++
	for want, r := range map[string]*syncmod.Receipt{
		"there is no share of the group key that the receipt attests": other.receipt,
		"did not sign what the receipt says it attests":               &forged,
		"there is none": nil,
	} {
		_, err := Confirm(dir, r)
		require.ErrorContains(t, err, want)
		require.Equal(t, []string{name}, names(t, dir))
	}
}

func TestAFalseReceiptConfirmsNothing(t *testing.T) {
	f := newFinished(t, 2)
	for want, change := range map[string]func(s *Share){
		"it is about another definition": func(s *Share) { s.DefinitionHash = harness.Hash("another") },
		"it has other members":           func(s *Share) { s.Members = []peer.ID{s.Members[1], s.Members[0]} },
	} {
		share := *f.shares[alice]
		change(&share)
		dir := t.TempDir()
		_, err := (&Store{dir: dir}).write(&share)
		require.NoError(t, err)
		_, err = Confirm(dir, f.receipt)
		require.ErrorContains(t, err, want)
	}
}

func TestEveryMemberHasToAttest(t *testing.T) {
	f := newFinished(t, 2)
	foreign := *f.receipt
	foreign.Members = append([]syncmod.Attestation(nil), f.receipt.Members...)
	foreign.Members[bob] = syncmod.Attestation{ID: foreign.Members[bob].ID}
	require.NoError(t, foreign.Verify(), "bob attested nothing")
	dir, name := f.unconfirmed(t)

	_, err := Confirm(dir, &foreign)

	require.ErrorContains(t, err, "operator 1 attested nothing, but every member must")
	require.Equal(t, []string{name}, names(t, dir))
}

func TestAConfirmedShareIsKept(t *testing.T) {
	f, other := newFinished(t, 2), newFinished(t, 2)
	dir, _ := f.unconfirmed(t)
	_, err := Confirm(dir, f.receipt)
	require.NoError(t, err)

	_, err = OpenStore(dir, f.definition)
	require.ErrorIs(t, err, ErrHasShare)
	require.ErrorContains(t, err, "use another directory, or move this one away")
	_, err = (&Store{dir: dir}).write(other.shares[alice])
	require.NoError(t, err)
	_, err = Confirm(dir, other.receipt)
	require.ErrorIs(t, err, ErrHasShare)
	read, err := ReadShare(dir)
	require.NoError(t, err)
	require.Equal(t, f.shares[alice].GroupKey, read.GroupKey)
}

func TestConfirmingIsFinished(t *testing.T) {
	f := newFinished(t, 2)
	dir, _ := f.unconfirmed(t)
	receipt, err := json.Marshal(f.receipt)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, receiptName), receipt, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".unfinished-123"), []byte("half"), 0o600))

	_, err = OpenStore(dir, f.definition)

	require.ErrorIs(t, err, ErrHasShare)
	require.Equal(t, []string{receiptName, shareName}, names(t, dir))
}

// stale returns the file name of an unconfirmed share of an earlier attempt, in alice's directory.
func (c *cluster) stale() (name string) {
	c.t.Helper()
	share := *newFinished(c.t, len(c.nodes)).shares[alice]
	share.DefinitionHash, share.Members = c.definition.Hash, ids(c.definition)
	name, err := (&Store{dir: c.nodes[alice].dir}).write(&share)
	require.NoError(c.t, err)
	return name
}

func TestOldSharesAllowANewAttempt(t *testing.T) {
	c := newCluster(t, 2)
	name := c.stale()
	store, err := OpenStore(c.nodes[alice].dir, c.definition)
	require.NoError(t, err)
	require.Equal(t, []string{name}, store.Left())

	shares := c.complete()

	require.NotContains(t, c.nodes[alice].files(), name)
	require.Contains(t, c.nodes[alice].files(), supersededName(name))
	requireOneKey(t, shares)
}

func TestASupersededShareIsConfirmed(t *testing.T) {
	first, second := newFinished(t, 2), newFinished(t, 2)
	dir, name := first.unconfirmed(t)
	other := *second.shares[alice]
	other.DefinitionHash, other.Members = first.definition.Hash, ids(first.definition)
	held, err := look(dir)
	require.NoError(t, err)
	require.NoError(t, held.supersede(&other, ""))
	require.Equal(t, []string{supersededName(name)}, names(t, dir))
	_, err = OpenStore(dir, first.definition)
	require.NoError(t, err)

	confirmed, err := Confirm(dir, first.receipt)

	require.NoError(t, err)
	require.Equal(t, first.shares[alice].GroupKey, confirmed.GroupKey)
	require.Equal(t, []string{receiptName, shareName}, names(t, dir))
}

func TestASupersededShareMustWait(t *testing.T) {
	f, other := newFinished(t, 2), newFinished(t, 2)
	dir, _ := f.unconfirmed(t)
	_, err := Confirm(dir, f.receipt)
	require.NoError(t, err)
	name, err := (&Store{dir: dir}).write(other.shares[alice])
	require.NoError(t, err)
	require.NoError(t, renameFile(dir, name, supersededName(name)))

	_, err = Confirm(dir, other.receipt)

	require.ErrorIs(t, err, ErrHasShare)
	require.ErrorContains(t, err, "move share.json and receipt.json away first")
	require.Contains(t, names(t, dir), supersededName(name))
}

// forge makes a false share that seems to belong to a group key, from public values.
func forge(s *Share) *Share {
	forged := *s
	forged.secret = keys().Scalar().Pick(random.New())
	_, commitments := s.public.Info()
	rest := keys().Point().Mul(forged.secret, nil)
	rest.Sub(rest, commitments[0]).Mul(keys().Scalar().Inv(keys().Scalar().SetInt64(int64(s.Index)+1)), rest)
	forged.public = newPublic([]kyber.Point{commitments[0], rest})
	return &forged
}

func TestAForgedShareIsNotUsed(t *testing.T) {
	f := newFinished(t, 2)
	content, err := forge(f.shares[alice]).encode()
	require.NoError(t, err)
	_, err = parseShare(content)
	require.NoError(t, err, "the forgery looks like a share")
	for _, forged := range []string{
		shareName, supersededName(unconfirmedName(f.shares[alice].GroupKey)), "share-0000000000000000.unconfirmed.json",
	} {
		dir, name := f.unconfirmed(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, forged), content, 0o600))

		_, err = Confirm(dir, f.receipt)

		require.ErrorContains(t, err, "move ", forged)
		require.ElementsMatch(t, []string{name, forged}, names(t, dir), "both are kept")
		require.NoError(t, os.Remove(filepath.Join(dir, forged)))
		confirmed, err := Confirm(dir, f.receipt)
		require.NoError(t, err)
		requireOneKey(t, []*Share{confirmed, f.shares[bob]})
	}
}

func TestAnothersShareIsRefused(t *testing.T) {
	c := newCluster(t, 2)
	c.stale()
	store, err := OpenStore(c.nodes[alice].dir, c.definition)
	require.NoError(t, err)

	_, err = New(c.nodes[bob].host, store, harness.Quiet())

	require.ErrorContains(t, err, "is the share of operator 0, and this node is operator 1: use another directory")
}

func TestUnreadableFilesStayHidden(t *testing.T) {
	f := newFinished(t, 2)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, receiptName), []byte("zecret"), 0o600))

	_, err := OpenStore(dir, f.definition)

	require.EqualError(t, err, "data directory "+dir+": receipt.json: it is not a receipt: "+
		"move it away, or put the receipt of another member in its place")
}

func TestABadSupersededShareIsIgnored(t *testing.T) {
	f, other := newFinished(t, 2), newFinished(t, 2)
	dir, name := f.unconfirmed(t)
	damaged := filepath.Join(dir, supersededName("share-0102030405060708.unconfirmed.json"))
	require.NoError(t, os.WriteFile(damaged, []byte("half"), 0o600))
	_, err := OpenStore(dir, f.definition)
	require.NoError(t, err)
	_, err = Confirm(dir, other.receipt)
	require.ErrorContains(t, err, "unless it is in a file that cannot be read: data directory "+dir+": share-01")
	require.Contains(t, names(t, dir), name)

	_, err = Confirm(dir, f.receipt)

	require.NoError(t, err)
	require.FileExists(t, damaged)
}

func TestAWrongDirectoryIsRefused(t *testing.T) {
	f, other := newFinished(t, 2), newFinished(t, 2)
	receipt, err := json.Marshal(other.receipt)
	require.NoError(t, err)
	for want, prepare := range map[string]func(dir string){
		"is a share of another definition: use another directory": func(dir string) {
			_, err := (&Store{dir: dir}).write(other.shares[alice])
			require.NoError(t, err)
		},
		"there is no share of the group key that the receipt attests": func(dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, receiptName), receipt, 0o600))
		},
		"receipt.json: it is not a receipt": func(dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, receiptName), receipt[1:], 0o600))
		},
		"share.json: it is not a share": func(dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, shareName), nil, 0o600))
		},
		"share.json is a link, a pipe, a device or a directory": func(dir string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, shareName), 0o700))
		},
		"share-01.unconfirmed.json: its file name is that of another group key": func(dir string) {
			name, err := (&Store{dir: dir}).write(f.shares[alice])
			require.NoError(t, err)
			require.NoError(t, renameFile(dir, name, "share-01.unconfirmed.json"))
		},
	} {
		dir := t.TempDir()
		prepare(dir)
		before := names(t, dir)
		_, err := OpenStore(dir, f.definition)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, dir)
		require.Equal(t, before, names(t, dir))
	}
}

func TestADirectoryIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data [1]", "of *alice*")
	f := newFinished(t, 2)
	_, err := OpenStore(dir, f.definition)
	require.NoError(t, err)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Empty(t, names(t, dir))
}

func TestNewDirectoriesAreSynced(t *testing.T) {
	dir := t.TempDir()
	require.Equal(t, []string{filepath.Join(dir, "a", "b"), filepath.Join(dir, "a"), dir},
		parentsOfMissing(filepath.Join(dir, "a", "b", "c")+"/"))
	require.Empty(t, parentsOfMissing(dir))
	require.Equal(t, []string{"."}, parentsOfMissing("new"))
}

func TestAFileInTheWayIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := OpenStore(path, syncmod.Definition{})
	require.EqualError(t, err, "data directory "+path+": cannot be used: not a directory")
}

func TestADamagedShareLeaksNoSecret(t *testing.T) {
	s := newFinished(t, 2).shares[alice]
	content, err := s.encode()
	require.NoError(t, err)
	secret := hex.EncodeToString(encode(s.secret))
	key := hex.EncodeToString(s.GroupKey)
	order := "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
	for want, change := range map[string]func(text string) string{
		"it is not a share": func(text string) string { return text[:len(text)/2] },
		"it is not a share: restore": func(text string) string {
			return strings.Replace(text, secret, "z"+secret[1:], 1)
		},
		`its type is not "fxapp/share/v1"`: func(text string) string {
			return strings.Replace(text, shareType, "other", 1)
		},
		"it is damaged: its secret does not match its commitments": func(text string) string {
			last := map[bool]string{true: "1", false: "0"}[secret[63] == '0']
			return strings.Replace(text, secret, secret[:63]+last, 1)
		},
		"it is damaged: its secret cannot be read": func(text string) string {
			return strings.Replace(text, secret, order, 1)
		},
		"it is damaged: its group key does not match": func(text string) string {
			return strings.Replace(text, key, hex.EncodeToString(encode(keys().Point().Base())), 1)
		},
		"it is damaged: commitment 0 is not a point": func(text string) string {
			return strings.ReplaceAll(text, key, "00"+key[2:])
		},
		"it is damaged: it belongs to operator 2, but the members are operators 0 to 1": func(text string) string {
			return strings.Replace(text, `"operator_index": 0`, `"operator_index": 2`, 1)
		},
		"it is damaged: its threshold must be 2 of 2": func(text string) string {
			return strings.Replace(text, `"threshold": 2`, `"threshold": 1`, 1)
		},
		"it is damaged: the peer ID of operator 1": func(text string) string {
			return strings.Replace(text, s.Members[1].String(), "me", 1)
		},
	} {
		changed := change(string(content))
		require.NotEqual(t, string(content), changed, want)
		_, err := parseShare([]byte(changed))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), secret[8:24])
	}
	_, err = parseShare(content)
	require.NoError(t, err)
}

func TestSharesAreNotPrinted(t *testing.T) {
	s := newFinished(t, 2).shares[alice]
	secret := encode(s.secret)
	asJSON, err := json.Marshal(s)
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", *s), fmt.Sprintf("%x", *s), string(asJSON),
		fmt.Sprintf("%v", struct{ S Share }{*s}),
	} {
		requireNoSecret(t, text, secret)
		require.NotEmpty(t, text)
	}
}
