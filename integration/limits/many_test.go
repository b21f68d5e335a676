package limits_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

var many = flag.Int("ceremonies", 200, "how many ceremonies four hosts have at once")

// All of them: each host is a member of each ceremony.
func TestManyCeremoniesAtOnceConnectAndComplete(t *testing.T) {
	const hosts, steps = 4, 2
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	ceremonies := open(t, loopback.hosts(t, hosts, tcp, manager(t, hosts, *many)), *many)
	all := func(what string, f func(*syncmod.Ceremony) error) {
		t.Helper()
		began := time.Now()
		harness.RequireEach(t, ceremonies, f)
		t.Logf("%-9s %s", what, time.Since(began).Round(time.Millisecond))
	}

	all("connected", func(c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
	logCost(t)
	for step := range steps {
		all(fmt.Sprint("step ", step+1), func(c *syncmod.Ceremony) error {
			_, err := c.Advance(ctx)
			return err
		})
	}
	all("complete", func(c *syncmod.Ceremony) error { return c.Complete(ctx) })

	for _, c := range ceremonies {
		require.Equal(t, syncmod.Complete, c.Status().Phase)
	}
}

// logCost logs what everything that is open costs.
func logCost(t *testing.T) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d goroutines, %d MiB of heap, %d MiB of stacks", runtime.NumGoroutine(), m.HeapAlloc>>20, m.StackInuse>>20)
}
