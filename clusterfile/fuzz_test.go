package clusterfile

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sampleDir = "testdata"

func addSamples(f *testing.F) {
	f.Helper()
	files, err := os.ReadDir(sampleDir)
	require.NoError(f, err)
	for _, file := range files {
		if file.Type().IsRegular() {
			content, err := os.ReadFile(filepath.Join(sampleDir, file.Name()))
			require.NoError(f, err)
			f.Add(content)
		}
	}
	f.Add([]byte(`{"hash":"0x00","peers":[{"name":"alice","id":"16Uiu2","addrs":["/ip4/1.2.3.4/tcp/1"]},` +
		`{"enr":"enr:-_____8"}]}`))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
}

// Any file is either refused or fit for a ceremony, and nothing panics.
func FuzzDefinition(f *testing.F) {
	addSamples(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		text, err := decode(content)
		if err != nil {
			return
		}
		definition, err := parseDefinition(text)
		if err != nil {
			require.Empty(t, definition)
			return
		}
		require.NoError(t, checkMembers(definition.Peers, inFile))
		require.Len(t, definition.Hash, 32)
	})
}

// No error about a key file shows any part of the file.
func FuzzKey(f *testing.F) {
	addSamples(f)
	digits := regexp.MustCompile(`[0-9a-fA-F]{6}`)
	f.Fuzz(func(t *testing.T, content []byte) {
		text, err := decode(content)
		if err != nil {
			require.NotRegexp(t, digits, err.Error())
			return
		}
		key, err := parseKey(text)
		if err != nil {
			require.NotRegexp(t, digits, err.Error())
			return
		}
		raw, err := key.Raw()
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(raw), strings.ToLower(withoutHexPrefix(text)))
	})
}

// A damaged record is refused, and nothing panics.
func FuzzENR(f *testing.F) {
	f.Add("enr:-HW4QDQt4TbOy7p_7GnnJ9pNmDgD2DaIw471GF_pYQORFxl2eExrz0Sh0liaV5Hf4opSpaogkSah" +
		"QB0UXVfwtCmrsJKAgmlkgnY0iXNlY3AyNTZrMaECeZhcY0eLZSoBLsnsVX3XJptSEo7Kwp4mhQi81Inp29k")
	f.Add("enr:-_____8")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseENR(text); err == nil {
			require.NoError(t, id.Validate())
		}
	})
}
