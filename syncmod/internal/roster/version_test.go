package roster_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

func TestCompatible(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		// Recorded from Charon v1.11.
		{"v1.11", "v1.11", true},
		{"v1.11", "v1.10", false},
		{"v1.11", "v1.11.3", true},
		{"v1.11", "v1.11-rc2", true},
		// Major and minor are equal.
		{"v1.11", "v2.11", false},
		{"v1.11", "v1.1", false},
		{"v1.1", "v1.01", true}, // numbers, not texts
		// Patches count only if both sides name one and neither has a label.
		{"v1.11.3", "v1.11.3", true},
		{"v1.11.3", "v1.11.2", false},
		{"v1.11.0", "v1.11", true},
		{"v1.11.0", "v1.11.1", false},
		{"v1.11.3-rc1", "v1.11.2", true},
		{"v1.11.3-rc1", "v1.11.2-rc1", true},
		// Labels never count.
		{"v1.11-rc1", "v1.11-rc2", true},
		{"v1.11-dev", "v1.10-dev", false},
	} {
		t.Run(test.a+" and "+test.b, func(t *testing.T) {
			a, err := roster.ParseVersion(test.a)
			require.NoError(t, err)
			b, err := roster.ParseVersion(test.b)
			require.NoError(t, err)

			require.Equal(t, test.want, a.Compatible(b))
			require.Equal(t, test.want, b.Compatible(a))
		})
	}
}

func TestParseVersionRefusesOtherText(t *testing.T) {
	for _, text := range []string{
		"", "banana", "v", "v1", "v1.", "1.11", "V1.11", "v1.11.", "v1.11.3.4", "v1.11-", "v1.x", "v-1.11", "v1.-11",
		"v+1.11",
		" v1.11", "v1.11 ", "v1.11\n", "v1.11\x00", "v1.11-rc 2", "v1.11-é", "v1.1١",
		"v1." + strings.Repeat("1", 10), "v1.11-" + strings.Repeat("a", 33), "v" + strings.Repeat("1", 1<<16),
	} {
		_, err := roster.ParseVersion(text)

		require.ErrorIs(t, err, roster.ErrVersionSyntax, "%.40q", text)
	}
}

func TestParseVersionTakesLongVersions(t *testing.T) {
	_, err := roster.ParseVersion("v999999999.999999999.999999999-" + strings.Repeat("a", 32))

	require.NoError(t, err)
}

func FuzzParseVersion(f *testing.F) {
	for _, text := range []string{
		"v1.11", "v1.10", "v1.11.3", "v1.11-rc2", "v1.11.3-rc.2+build", "banana", "", strings.Repeat("9", 100),
	} {
		f.Add(text, "v1.11")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		a, err := roster.ParseVersion(one)
		if err != nil {
			require.ErrorIs(t, err, roster.ErrVersionSyntax)
			return
		}
		require.True(t, a.Compatible(a))
		b, err := roster.ParseVersion(other)
		if err != nil {
			return
		}
		require.Equal(t, a.Compatible(b), b.Compatible(a))
	})
}
