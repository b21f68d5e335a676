package check_test

import "github.com/dkgsync/dkgsync/syncmod/internal/roster"

// What the members attest. Most attest the same.
var (
	alike = &roster.Attestation{Result: "aa", Verified: true}
	other = &roster.Attestation{Result: "bb", Verified: true}
)

// attestationOf returns what a node attests at its last barrier, in every process and
// attempt. A foreign node attests nothing.
func (w *world) attestationOf(i int) *roster.Attestation {
	switch n := &w.nodes[i]; {
	case n.foreign:
		return nil
	case n.differs:
		return other
	}
	return alike
}

// attest adds the attestations, which follow from the steps, to the states of the
// rosters.
func (w *world) attest() {
	for i := range w.size {
		n := &w.nodes[i]
		if n.state.Last > 0 {
			n.state.Attestation = w.attestationOf(i)
		}
		for j := range w.size {
			if m := &n.members[j]; m.Known && m.Step == int64(w.last) && !w.foreignPair(i, j) {
				m.Attestation = w.attestationOf(j)
			}
		}
	}
}

// resultOf returns the result of a node that is not foreign.
func (c *config) resultOf(i int) string {
	if c.differ.has(i) {
		return other.Result
	}
	return alike.Result
}
