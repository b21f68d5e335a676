package soak

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// tally counts what happens in a soak.
type tally struct {
	mu         sync.Mutex
	clusters   int
	ceremonies int
	completed  int
	failed     map[string]int
	faults     map[string]int
}

func newTally() *tally { return &tally{failed: make(map[string]int), faults: make(map[string]int)} }

func (t *tally) injected(k kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[k.String()]++
}

// ended counts a ceremony that failed with a kind of failure, or completed if failed is empty.
func (t *tally) ended(failed string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ceremonies++
	if failed == "" {
		t.completed++
		return
	}
	t.failed[failed]++
}

func (t *tally) line(seed uint64, took time.Duration) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("soak: %d ceremonies in %d clusters; %d completed; failed: %s; faults: %s; seed %d; %s",
		t.ceremonies, t.clusters, t.completed, counts(t.failed), counts(t.faults), seed, took.Round(time.Second))
}

func counts(m map[string]int) string {
	var parts []string
	for name, n := range m {
		parts = append(parts, fmt.Sprintf("%d %s", n, name))
	}
	sort.Strings(parts)
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// kindOf names the kind of a failure. It returns "" for nil, and "told" if the node
// only knows what others have told it.
func kindOf(err error) string {
	if err == nil {
		return ""
	}
	for _, sentinel := range []error{
		syncmod.ErrAborted, syncmod.ErrStopped, syncmod.ErrHostClosed, syncmod.ErrPeerRestarted,
		syncmod.ErrPeerTimeout, syncmod.ErrSelfRestarted, syncmod.ErrStepSkipped,
		syncmod.ErrLeftBehind, syncmod.ErrPeerLeft, syncmod.ErrVersionMismatch, syncmod.ErrBadSignature,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return "told"
}
