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

// statementPrefix begins every statement that a member signs here with the key of its
// peer ID. Members also sign definition hashes with that key. A statement with its
// digest is longer than any definition hash, so a signature of one never passes for a
// signature of the other.
const statementPrefix = "dkgsync/fxapp/dkg/v1\x00"

// message is a member's message of a phase for all others, as it is sent.
type message struct {
	Body      []byte `json:"body"`
	Signature []byte `json:"signature"` // signs the statement, with the key of the peer ID
}

// keyBody is the body of a message in the phase of keys.
type keyBody struct {
	Threshold int    `json:"threshold"`
	Key       []byte `json:"key"`   // others encrypt shares to it; made for this attempt
	Nonce     []byte `json:"nonce"` // random, so that no two attempts are alike
}

// dealBody is the body of a message in the phase of deals.
type dealBody struct {
	Attempt     []byte   `json:"attempt"`
	Keys        []seen   `json:"keys"`        // what the member was given in the phase before, by operator index
	Commitments [][]byte `json:"commitments"` // commitments of the member's polynomial
	Shares      [][]byte `json:"shares"`      // by operator index, each encrypted to that member; its own is empty
}

// responseBody is the body of a message in the phase of responses.
type responseBody struct {
	Attempt    []byte `json:"attempt"`
	Deals      []seen `json:"deals"`
	Complaints []int  `json:"complaints"` // the operators whose deals are invalid
}

// seen is a message that one member got from another. The signature proves that the
// other sent it, so no member can falsely say that another gave two different messages.
type seen struct {
	Digest    []byte `json:"digest"`
	Signature []byte `json:"signature"`
}

// body is the signed part of a message. Its attempt method returns the attempt that the
// message was made for. In the phase of keys it is empty, because the keys define the
// attempt.
type body interface{ attempt() []byte }

func (*keyBody) attempt() []byte        { return nil }
func (b *dealBody) attempt() []byte     { return b.Attempt }
func (b *responseBody) attempt() []byte { return b.Attempt }

// statement returns what a member signs for a message.
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

// make makes this node's message of a phase.
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

// open reads a member's message of a phase, and checks the member's signature.
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
		return a.differ(p, witness, witness, was[witness]) // what it says of the others does not matter then
	}
	for i := range a.members {
		if differs(i) {
			return a.differ(p, witness, i, was[i])
		}
	}
	return nil
}

// differ returns an error that says whose fault it is if a member seems to have given
// different messages to a witness and to this node. A deal is signed for its attempt,
// and a process makes one deal in an attempt. So two signed deals prove that the dealer
// cheats, and no other attempt would help.
//
// A key is signed before there is an attempt, so the other key may come from an earlier
// attempt. Then either the witness is dishonest, or the member restarted.
func (a *attempt) differ(p phase, witness, member int, was seen) error {
	var attempt []byte
	if p == deals {
		attempt = a.id
	}
	signed := len(was.Digest) == sha256.Size &&
		isSigned(a.keyOf(member), a.statement(p, member, attempt, was.Digest), was.Signature)
	switch {
	case member == witness && p == deals && signed:
		return syncmod.Permanent(a.blame(member, "cheats: it gave this node one deal, and others a different one"))
	case member == witness:
		return a.blame(member, "gave this node a different %s from the one that it says it gave", p)
	case !signed:
		return a.blame(witness, "says that it was given a %s by %s, which did not sign it", p, a.name(member))
	case member == a.self:
		return a.blame(witness, "shows a %s that this node made in another attempt", p)
	case p == deals:
		return syncmod.Permanent(
			a.blame(member, "cheats: it gave this node and %s two different deals", a.name(witness)))
	}
	return a.blame(member, "gave this node and %s two different keys, or %s shows a key from another attempt",
		a.name(witness), a.name(witness))
}

// isSigned reports whether key made the signature. It is false if key is nil.
func isSigned(key crypto.PubKey, data, signature []byte) bool {
	if key == nil {
		return false
	}
	ok, err := key.Verify(data, signature)
	return err == nil && ok
}
