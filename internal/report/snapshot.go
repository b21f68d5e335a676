package report

import "time"

// Snapshot is the state of a ceremony at one moment, for observable metrics.
type Snapshot struct {
	Step    int64
	Peers   []PeerSnapshot // by operator index; this node's own entry is empty; nil once the ceremony is over
	Waiting *WaitingSnapshot
	Broken  int // pairs of members that cannot reach each other
}

// PeerSnapshot is the state of a member at one moment.
type PeerSnapshot struct {
	Inbound, Outbound bool
	Step              int64 // -1: no step seen
	LastSeen          time.Time
}

// WaitingSnapshot is the barrier at which a ceremony waits.
type WaitingSnapshot struct {
	Kind    string // one of the Barrier constants
	Since   time.Time
	Missing int
}
