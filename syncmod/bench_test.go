package syncmod_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// BenchmarkBarrier measures one barrier that all members enter together: from
// the first call of Advance to the last return. It uses real hosts on loopback
// TCP with the default configuration.
func BenchmarkBarrier(b *testing.B) {
	for _, n := range []int{2, 4, 10, 32} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			hosts, ceremonies := make([]host.Host, n), make([]*syncmod.Ceremony, n)
			for i := range hosts {
				hosts[i] = harness.NewHost(b)
			}
			def := harness.Define(b.Name(), hosts...)
			for i, h := range hosts {
				var err error
				ceremonies[i], err = harness.StartService(b, h, syncmod.Config{}).Open(def)
				require.NoError(b, err)
			}
			connect(b, ceremonies)
			took := make([]time.Duration, 0, b.N)
			b.ResetTimer()
			for b.Loop() {
				took = append(took, together(b, ceremonies))
			}
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50/barrier")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99/barrier")
		})
	}
}

// together lets all members enter the next barrier at the same moment.
func together(b *testing.B, ceremonies []*syncmod.Ceremony) time.Duration {
	b.Helper()
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for _, c := range ceremonies {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			_, err := c.Advance(context.Background())
			require.NoError(b, err)
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	return time.Since(began)
}
