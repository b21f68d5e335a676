package clusterfile_test

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
)

func TestUntidyKeysAreRead(t *testing.T) {
	key := read(t, keySample)
	for name, content := range map[string]string{
		"as Charon writes it": key,
		"0x":                  "0x" + key,
		"0X":                  "0X" + key,
		"upper case":          strings.ToUpper(key),
		"Windows":             "\xef\xbb\xbf" + key + "\r\n",
		"spaces around it":    "  " + key + " \n\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clusterfile.ReadKey(write(t, content))

			require.NoError(t, err)
			id, err := peer.IDFromPrivateKey(got)
			require.NoError(t, err)
			require.Equal(t, operators[0], id.String())
		})
	}
}

func TestANewKeyIsOnlyForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alice.key")
	created, err := clusterfile.CreateKey(path)
	require.NoError(t, err)

	got, err := clusterfile.ReadKey(path)

	require.NoError(t, err)
	require.True(t, created.Equals(got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.Len(t, read(t, path), 64, "as Charon writes it, without a line end")
}

func TestAKeyIsNeverOverwritten(t *testing.T) {
	path := write(t, "precious")

	_, err := clusterfile.CreateKey(path)

	require.ErrorIs(t, err, fs.ErrExist)
	require.EqualError(t, err, path+": file exists, and is never overwritten: "+
		"choose another name, or move that file away")
	require.Equal(t, "precious", read(t, path))
}

func TestAnUnreadableDirTakesAKey(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.Chmod(dir, 0o300))
	t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o700)) })

	created, err := clusterfile.CreateKey("dkg.key") // it synchronizes the directory "."

	require.NoError(t, err)
	read, err := clusterfile.ReadKey("dkg.key")
	require.NoError(t, err)
	require.True(t, created.Equals(read))
}

func TestAKeyNeedsADirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nowhere", "alice.key")

	_, err := clusterfile.CreateKey(path)

	require.EqualError(t, err, path+": no such file or directory")
}

// Charon made the records in the sample from the keys beside it.
func TestENRsEqualThoseOfCharon(t *testing.T) {
	for i, want := range enrs(t) {
		key, err := clusterfile.ReadKey(strings.Replace(keySample, "0", string(rune('0'+i)), 1))
		require.NoError(t, err)

		got, err := clusterfile.ENR(key)

		require.NoError(t, err)
		require.Equal(t, want, got)
		id, err := clusterfile.ParseENR(got)
		require.NoError(t, err)
		require.Equal(t, operators[i], id.String())
	}
}

func TestOnlyASecp256k1KeyHasAnENR(t *testing.T) {
	key, _, err := crypto.GenerateEd25519Key(nil)
	require.NoError(t, err)

	_, err = clusterfile.ENR(key)

	require.EqualError(t, err, "an ENR needs a secp256k1 key: make one with CreateKey")
}

const eipExample = "enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy" +
	"5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"

// The example in EIP-778 has more entries than Charon's records. The EIP also contains
// its key.
func TestTheENRInTheEIPIsRead(t *testing.T) {
	secret, err := hex.DecodeString("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")
	require.NoError(t, err)
	key, err := crypto.UnmarshalSecp256k1PrivateKey(secret)
	require.NoError(t, err)
	want, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)

	got, err := clusterfile.ParseENR(eipExample)

	require.NoError(t, err)
	require.Equal(t, want, got)
}

// Every signature has a second form that is also valid. A record with the second form
// would be another text for the same key, and go-ethereum refuses it.
func TestTheSecondSignatureFormIsRefused(t *testing.T) {
	record, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(enrs(t)[0], "enr:"))
	require.NoError(t, err)
	var s secp256k1.ModNScalar
	s.SetByteSlice(record[36:68]) // after two headers of two bytes each, and r
	second := s.Negate().Bytes()
	copy(record[36:68], second[:])

	_, err = clusterfile.ParseENR("enr:" + base64.RawURLEncoding.EncodeToString(record))

	require.ErrorContains(t, err, "the ENR's signature is not valid")
}
