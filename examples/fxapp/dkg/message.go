package dkg

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/dkgsync/dkgsync/syncmod"
)

// statementPrefix begins what a member signs here with the key of its peer ID. With the
// digest behind it, it is longer than any definition hash, which members sign with the
// same key.
const statementPrefix = "dkgsync/fxapp/dkg/v1\x00"

// message is what a member made in a phase for all others, as it travels.
type message struct {
	Body      []byte `json:"body"`
	Signature []byte `json:"signature"` // of the statement, with the key of the peer ID
}

// keyBody is the body of a message of the phase of keys.
type keyBody struct {
	Threshold int    `json:"threshold"`
	Key       []byte `json:"key"`   // to encrypt shares to, made for this attempt
	Nonce     []byte `json:"nonce"` // random: with it, no two attempts are alike
}

// dealBody is the body of a message of the phase of deals.
type dealBody struct {
	Attempt     []byte   `json:"attempt"`
	Keys        []seen   `json:"keys"`        // what the member was given in the phase before, by operator index
	Commitments [][]byte `json:"commitments"` // of its polynomial
	Shares      [][]byte `json:"shares"`      // by operator index, encrypted to each member's key; its own is empty
}

// responseBody is the body of a message of the phase of responses.
type responseBody struct {
	Attempt    []byte `json:"attempt"`
	Deals      []seen `json:"deals"`
	Complaints []int  `json:"complaints"` // the operators whose deals are not valid
}

// seen is what a member was given by another. The signature proves it: nobody can say
// of another that it gave two different messages if it did not.
type seen struct {
	Digest    []byte `json:"digest"`
	Signature []byte `json:"signature"`
}

// body is what is signed of a message: the attempt that it was made for, which is empty
// in the phase of keys, for these make it.
type body interface{ attempt() []byte }

func (*keyBody) attempt() []byte        { return nil }
func (b *dealBody) attempt() []byte     { return b.Attempt }
func (b *responseBody) attempt() []byte { return b.Attempt }

// statement is what a member signs for a message.
func (a *attempt) statement(p phase, member int, attempt, digest []byte) []byte {
	var about []byte
	for _, part := range [][]byte{a.hash, []byte(p.String()), attempt, digest} {
		about = binary.BigEndian.AppendUint32(about, uint32(len(part)))
		about = append(about, part...)
	}
	about = binary.BigEndian.AppendUint32(about, uint32(member))
	sum := sha512.Sum512(about)
	return slices.Concat([]byte(statementPrefix), sum[:])
}

// make makes this node's own message of a phase.
func (a *attempt) make(p phase, of body) (text []byte, err error) {
	var m message
	if m.Body, err = json.Marshal(of); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(m.Body)
	if m.Signature, err = a.identity.Sign(a.statement(p, a.self, of.attempt(), digest[:])); err != nil {
		return nil, fmt.Errorf("signing the %s: %w", p, err)
	}
	return json.Marshal(m)
}

// open reads a member's message of a phase, which has to be signed by it.
func (a *attempt) open(p phase, member int, text []byte, into body) (seen, error) {
	var m message
	if json.Unmarshal(text, &m) != nil || json.Unmarshal(m.Body, into) != nil {
		return seen{}, a.blame(member, "gave a %s that cannot be read: does it run a different version?", p)
	}
	digest := sha256.Sum256(m.Body)
	s := seen{Digest: digest[:], Signature: m.Signature}
	if !isSigned(a.keyOf(member), a.statement(p, member, into.attempt(), s.Digest), s.Signature) {
		return seen{}, a.blame(member, "gave a %s that it did not sign", p)
	}
	return s, nil
}

// compare compares what a member was given in a phase with what this node was given.
func (a *attempt) compare(p phase, witness int, was []seen) error {
	if len(was) != len(a.members) {
		return a.blame(witness, "does not say which %ss it was given", p)
	}
	differs := func(i int) bool { return !bytes.Equal(was[i].Digest, a.given[p][i].Digest) }
	if differs(witness) {
		return a.differ(p, witness, witness, was[witness]) // whatever it says of others then
	}
	for i := range a.members {
		if differs(i) {
			return a.differ(p, witness, i, was[i])
		}
	}
	return nil
}

// differ says whose doing it is that a witness was given another message of a member
// than this node. A deal is signed for its attempt, which a process deals in once: that
// there are two proves that its dealer cheats, and no other attempt mends that.
//
// A key is signed before there is an attempt. So the other one may be from an earlier
// attempt: then it is the witness that is not honest, or the member restarted.
func (a *attempt) differ(p phase, witness, member int, was seen) error {
	var attempt []byte
	if p == deals {
		attempt = a.id
	}
	signed := len(was.Digest) == sha256.Size &&
		isSigned(a.keyOf(member), a.statement(p, member, attempt, was.Digest), was.Signature)
	switch {
	case member == witness && p == deals && signed:
		return syncmod.Permanent(a.blame(member, "cheats: it gave this node another deal than it gave others"))
	case member == witness:
		return a.blame(member, "gave this node another %s than it says", p)
	case !signed:
		return a.blame(witness, "says that it was given a %s by %s, which did not sign it", p, a.name(member))
	case member == a.self:
		return a.blame(witness, "was given a %s by this node in another attempt", p)
	case p == deals:
		return syncmod.Permanent(
			a.blame(member, "cheats: it gave this node and %s two different deals", a.name(witness)))
	}
	return a.blame(member, "gave this node and %s two different keys, or %s shows one of another attempt",
		a.name(witness), a.name(witness))
}

// isSigned reports whether a signature is that of a key, which may be missing.
func isSigned(key crypto.PubKey, data, signature []byte) bool {
	if key == nil {
		return false
	}
	ok, err := key.Verify(data, signature)
	return err == nil && ok
}
