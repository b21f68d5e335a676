package check_test

import "github.com/dkgsync/dkgsync/syncmod/internal/roster"

// What the members attest: most the same.
var (
	alike = &roster.Attestation{Result: "aa", Verified: true}
	other = &roster.Attestation{Result: "bb", Verified: true}
)

// attestationOf is what a node attests at its last barrier, in every process and
// attempt. A foreign one attests nothing.
func (w *world) attestationOf(i int) *roster.Attestation {
	switch n := &w.nodes[i]; {
	case n.foreign:
		return nil
	case n.differs:
		return other
	}
	return alike
}

// attest puts into the states of rosters what follows from their steps.
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

// resultOf is the result of a node that has one.
func (c *config) resultOf(i int) string {
	if c.differ.has(i) {
		return other.Result
	}
	return alike.Result
}
