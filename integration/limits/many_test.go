package limits_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

var many = flag.Int("ceremonies", 200, "how many ceremonies four hosts have at the same time")

// Each host is a member of every ceremony.
func TestManyCeremoniesComplete(t *testing.T) {
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

// The two hosts are the only members of every ceremony.
func TestManyCeremoniesOfTwoHosts(t *testing.T) {
	const ceremonies = 20
	limited := func() libp2p.Option {
		limits := syncmod.ResourceLimits(2 * ceremonies).Build(rcmgr.DefaultLimits.AutoScale())
		m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits))
		require.NoError(t, err)
		return libp2p.ResourceManager(m)
	}
	opened := open(t, loopback.hosts(t, 2, tcp, limited), ceremonies)

	ctx := harness.Within(t)
	harness.RequireEach(t, opened, func(c *syncmod.Ceremony) error { return c.AwaitConnected(ctx) })
}

// logCost logs what all open ceremonies cost.
func logCost(t *testing.T) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d goroutines, %d MiB of heap, %d MiB of stacks", runtime.NumGoroutine(), m.HeapAlloc>>20, m.StackInuse>>20)
}
