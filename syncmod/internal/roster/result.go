package roster

import "time"

// Attestation is what a member attests at its last barrier: a digest of what its
// work has produced. It never changes.
type Attestation struct {
	Result   string // the digest
	Verified bool   // the member has signed it; else Result is void

	// What follows is for the receipt. No rule reads it.
	Signature []byte
	PublicKey []byte // the signer's, where its peer ID does not contain it
}

// Attest notes what this node attests at its last barrier. It has to come before
// that is announced.
func (r *Roster) Attest(a *Attestation) error {
	if r.phase >= Completing {
		return ErrOutOfTurn
	}
	r.attestation = a
	return nil
}

// Attested returns what a member, or this node, attests at this node's last
// barrier, nil if nothing. A foreign member attests nothing. Neither does a member
// that is at another step: its last barrier is not ours.
func (r *Roster) Attested(i int) *Attestation {
	if i == r.cfg.Self {
		return r.attestation
	}
	if m := &r.members[i]; m.Session != 0 && m.Step == r.last {
		return m.attestation
	}
	return nil
}

// agrees is the rule of results: whoever has a session attests the same as this
// node, or nothing where this node attests nothing. It is looked at once everyone
// is at the last barrier: only then is known who attests what.
func (r *Roster) agrees() bool {
	for i := range r.members {
		if m := &r.members[i]; i != r.cfg.Self && m.Session != 0 && !sameResult(r.attestation, r.Attested(i)) {
			return false
		}
	}
	return true
}

func sameResult(ours, theirs *Attestation) bool {
	if ours == nil || theirs == nil {
		return ours == theirs
	}
	return theirs.Verified && theirs.Result == ours.Result
}

// differ fails the ceremony because the members attest different results. Nobody
// is the culprit: who of them is right is for people to find out.
func (r *Roster) differ(now time.Time) {
	r.Fail(now, about(ResultMismatch, r.cfg.Self))
}
