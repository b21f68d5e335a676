package clusterfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	charonSample = "testdata/charon-v1.11-4-operators.json"
	charonHash   = "3ecf58b219befd786f564d648e63745942960cafc6b200d63ffa7341cc9b6594"
	keySample    = "testdata/operator-0.key"
)

// operators holds the peer IDs of the sample's operators, in order.
var operators = []string{
	"16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz",
	"16Uiu2HAm87LMAngk2CYY25asp25HR3qpDVNA8LUrub9KmWJEYw97",
	"16Uiu2HAmVSeN2qFYgWewrdep2WFbzF7wv3hG6TkDVyrv5udjd7us",
	"16Uiu2HAmFtkgruRS9pjW1i3kydsLP7GjjJ4yGwJjBwHZen1hXx2f",
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// write makes a file with the given content.
func write(t testing.TB, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// charon returns the sample definition with a changed field. If value is nil, it removes
// the field.
func charon(t testing.TB, field string, value any) string {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, charonSample)), &fields))
	fields[field] = value
	if value == nil {
		delete(fields, field)
	}
	content, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(content)
}

type operator struct {
	Address string `json:"address"`
	ENR     string `json:"enr"`
}

// withOperators returns the sample definition with changed operators.
func withOperators(t testing.TB, change func([]operator) []operator) string {
	t.Helper()
	var file struct {
		Operators []operator `json:"operators"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, charonSample)), &file))
	return charon(t, "operators", change(file.Operators))
}

func enrs(t testing.TB) []string {
	t.Helper()
	var texts []string
	withOperators(t, func(all []operator) []operator {
		for _, o := range all {
			texts = append(texts, o.ENR)
		}
		return all
	})
	return texts
}

// utf16 encodes ASCII text as Windows does.
func utf16(text string) string {
	encoded := make([]byte, 0, 2*len(text))
	for _, c := range []byte(text) {
		encoded = append(encoded, c, 0)
	}
	return string(encoded)
}
