package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
)

var (
	duration = flag.Duration("duration", 10*time.Minute, "keep starting new clusters for this long")
	seeded   = flag.Uint64("seed", 0, "the seed of the plans; random by default")
	clusters = flag.Int("clusters", 0, "play this many clusters, whatever --duration says")
	members  = flag.Int("members", 0, "how many members each cluster has, at least 3; random by default")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A plain go test plays the same few clusters every time.
const (
	plainDuration = 10 * time.Second
	plainSeed     = 1
)

func TestCeremoniesEndAsPlanned(t *testing.T) {
	lasts, seed := settings(t)
	first, began, seen := seed, time.Now(), newTally()
	baseline := warmUp(t)
	for {
		seen.clusters++
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			switch {
			case isLoops(seed):
				playLoops(t, drawLoops(seed, *members, 0), seen)
			case isRetries(seed):
				playRetries(t, drawRetries(seed, *members), seen)
			default:
				play(t, draw(seed, *members), seen)
			}
		})
		if err := baseline.left(); err != nil {
			t.Errorf("cluster %d has left something behind: %v", seed, err)
		}
		if !ok || t.Failed() {
			t.Fatalf("this runs the cluster that failed again:\n%s\n%s",
				command(seed), seen.line(first, time.Since(began)))
		}
		if *clusters > 0 && seen.clusters == *clusters || *clusters == 0 && time.Since(began) > lasts {
			break
		}
		seed = next(seed)
	}
	fmt.Println(seen.line(first, time.Since(began)))
}

// settings returns how long to soak, and the first seed.
func settings(t *testing.T) (time.Duration, uint64) {
	given := given()
	require.True(t, *members == 0 || *members >= 3, "--members is at least 3")
	switch {
	case given["seed"]:
	case given["duration"], given["clusters"], given["members"]:
		*seeded = uint64(rand.Uint32()) //nolint:gosec // nobody gains by guessing it
	default:
		return plainDuration, plainSeed
	}
	fmt.Printf("soak: seed %d\n", *seeded)
	return *duration, *seeded
}

// given returns the names of the flags on the command line.
func given() map[string]bool {
	names := make(map[string]bool)
	flag.Visit(func(f *flag.Flag) { names[f.Name] = true })
	return names
}

// command returns a command that runs one cluster again.
func command(seed uint64) string {
	forced := ""
	if *members > 0 {
		forced = fmt.Sprintf(" --members %d", *members)
	}
	const again = "go test -race -count=1 -timeout 0 -v ./integration/soak -args --seed %d --clusters 1%s"
	return fmt.Sprintf(again, seed, forced)
}

// warmUp makes the process open what it keeps, such as its poller, before it counts.
func warmUp(t *testing.T) baseline {
	t.Run("warm-up", func(t *testing.T) {
		c := harness.New(t, 2, harness.Links())
		c.Start()
		c.Connect(c.All()...)
	})
	return newBaseline()
}
