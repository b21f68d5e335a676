package statuspage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDurationsAreSpelledOut(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                   "less than 0.1 s",
		99 * time.Millisecond:          "less than 0.1 s",
		1240 * time.Millisecond:        "1.2 s",
		9970 * time.Millisecond:        "10 s",
		59400 * time.Millisecond:       "59 s",
		59600 * time.Millisecond:       "1 min 0 s",
		3599600 * time.Millisecond:     "1 h 0 min",
		3*time.Hour + 5*time.Minute:    "3 h 5 min",
		2*time.Minute + 30*time.Second: "2 min 30 s",
	} {
		require.Equal(t, want, spell(d), d.String())
	}
}
