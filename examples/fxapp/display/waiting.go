package display

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// silence is how long the report may print nothing before it says who waits for whom.
const silence = time.Second

// Watch says who waits for whom whenever nothing was printed for a while. It returns when done is
// closed.
func (r *Report) Watch(done <-chan struct{}) {
	ticker := time.NewTicker(silence / 10)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.explainSilence()
		case <-done:
			return
		}
	}
}

func (r *Report) explainSilence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.printed) < silence {
		return
	}
	waiting := make(map[int][]int)            // for each missing member, the nodes that wait for it
	known := make(map[int]syncmod.PeerStatus) // the most telling status of each missing member
	links, connected := 0, 0
	connecting := false
	for i, n := range r.nodes {
		up := countPeers(n.status, isConnected)
		links += up
		if up == len(r.nodes)-1 {
			connected++
		}
		for _, p := range missing(n) {
			connecting = connecting || n.status.Phase == syncmod.Connecting
			if last, ok := known[p.Index]; !ok || isConnected(last) || last.LastError == nil && !isConnected(p) {
				known[p.Index] = p
			}
			waiting[p.Index] = append(waiting[p.Index], i)
		}
	}
	const enough = 3
	if pairs := r.broken(); len(pairs) > 0 && len(pairs) <= enough {
		r.explainBroken(pairs)
		return
	}
	switch {
	case len(waiting) > enough && connecting:
		r.line("connecting: %d of %d links are up; %d of %d operators are connected to everyone",
			links, len(r.nodes)*(len(r.nodes)-1), connected, len(r.nodes))
		return
	case len(waiting) > enough:
		r.line("waiting for %s", operators(slices.Collect(maps.Keys(waiting))))
		return
	}
	for i := range r.nodes {
		if by := waiting[i]; len(by) > 0 {
			wait := "wait"
			if len(by) == 1 {
				wait = "waits"
			}
			r.line("%s %s for %s: %s", operators(by), wait, r.ceremony.Operator(i), describe(known[i]))
		}
	}
}

// missing lists the members that a node waits for.
func missing(n record) []syncmod.PeerStatus {
	var peers []syncmod.PeerStatus
	for _, p := range n.status.Peers {
		late := false
		switch n.status.Phase {
		case syncmod.Connecting:
			late = !isConnected(p)
		case syncmod.Running:
			late = p.Step < n.status.Step
		case syncmod.Completing:
			late = !p.Done
		default:
		}
		if late && !n.dead {
			peers = append(peers, p)
		}
	}
	return peers
}

func isConnected(p syncmod.PeerStatus) bool { return p.Inbound && p.Outbound }

func countPeers(s syncmod.Status, is func(syncmod.PeerStatus) bool) int {
	count := 0
	for _, p := range s.Peers {
		if is(p) {
			count++
		}
	}
	return count
}

// describe says what is known of a member that others wait for.
func describe(p syncmod.PeerStatus) string {
	text := "not connected"
	switch {
	case isConnected(p):
		text = fmt.Sprintf("at step %d", p.Step)
	case p.Inbound || p.Outbound:
		text = "connected in one direction"
	}
	if p.LastError != nil && !p.Outbound {
		text += fmt.Sprintf(", attempt %d: %v", p.Attempts, p.LastError)
	}
	return text
}
