package roster

import "time"

// Attestation is what a member attests at its last barrier: a digest of the result
// of its work. It never changes.
type Attestation struct {
	Result   string // the digest
	Verified bool   // the member has signed it; otherwise Result is void

	// The other fields are for the receipt. No rule reads them.
	Signature []byte
	PublicKey []byte // the signer's, if its peer ID does not contain it
}

// Attest sets what this node attests at its last barrier. It must be called before
// that barrier is announced.
func (r *Roster) Attest(a *Attestation) error {
	if r.phase >= Completing {
		return ErrOutOfTurn
	}
	r.attestation = a
	return nil
}

// Attested returns what a member, or this node, attests at this node's last
// barrier, or nil if nothing. A foreign member attests nothing. A member at
// another step attests nothing either, because its last barrier is not this
// node's.
func (r *Roster) Attested(i int) *Attestation {
	if i == r.cfg.Self {
		return r.attestation
	}
	if m := &r.members[i]; m.Session != 0 && m.Step == r.last {
		return m.attestation
	}
	return nil
}

// agrees is the rule of results: every member with a session attests what this
// node attests, or nothing if this node attests nothing. It is only checked when
// all members are at the last barrier, because only then is it known who attests
// what.
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
// is the culprit: people have to find out which result is right.
func (r *Roster) differ(now time.Time) {
	r.Fail(now, about(ResultMismatch, r.cfg.Self))
}
