package sim

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// One member starts an hour after the others. They have kept trying to dial it, at longer
// and longer intervals. The member dials them.
func TestAnHourLateIsWaitedFor(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		def := w.settle(4)
		punctual, late := w.members[:3], w.members[3:]
		w.launch(punctual, def)
		<-time.After(time.Hour) // the others wait
		for _, m := range punctual {
			status := m.ceremony.Status()
			require.Equal(t, syncmod.Connecting, status.Phase)
			require.ErrorContains(t, status.Peers[2].LastError, "dialling failed")
		}

		w.launch(late, def)

		started := time.Now()
		diaries := begin(w, w.ceremonies(), work).end().complete(t)
		t.Logf("passed the first barrier %s after the last member's start", diaries.passed(1).Sub(started))
		require.Less(t, diaries.passed(1).Sub(started), 5*time.Second)
	})
}

// One member is cut off before the ceremony begins. The others wait for it without a time
// limit. When the partition is over, the hosts on both sides still pause after so many
// failed dials, so the first barrier takes up to 5 min.
func TestAnEarlyHourlongPartitionHeals(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		def := w.settle(3)
		w.separate(halves(1))
		w.launch(w.members, def)
		running := begin(w, w.ceremonies(), work)
		<-time.After(time.Hour) // the partition
		for _, p := range w.members[0].ceremony.Status().Peers {
			require.ErrorContains(t, p.LastError, "dialling failed")
		}

		w.heal()

		healed := time.Now()
		diaries := running.end().complete(t)
		t.Logf("passed the first barrier %s after the partition", diaries.passed(1).Sub(healed))
		require.Less(t, diaries.passed(1).Sub(healed), swarm.BackoffMax+10*time.Second)
	})
}
