package syncmod

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// Attest says what this node's work has produced: a digest of it, 1 to 64 bytes,
// for example of the public key of the group. Every member has to attest the same,
// or the ceremony fails at its last barrier with [ErrResultMismatch], before any
// member has succeeded. A member that attests nothing differs from one that attests
// something. Foreign members (Charon, Pluto) cannot attest and are excused.
//
// All this holds for members with the same number of steps. A result counts at the
// last barrier of the node that looks at it: one that attests nothing passes its last
// barrier k and succeeds although another member goes on and attests a result at
// k+1. That one fails, with [ErrPeerLeft].
//
// It has to be called before [Ceremony.Complete] or [Ceremony.Run] announces the
// last barrier, for example in the last step; called again, it replaces the result.
// Later, or for a result of another size, it returns an [ErrInvalid]. It does not
// block. [Ceremony.Receipt] then proves what everyone has attested.
func (c *Ceremony) Attest(result []byte) error {
	run, err := c.taking("Attest")
	if err != nil {
		return err
	}
	if n := len(result); n == 0 || n > stream.MaxResult {
		return invalid("Attest", "a result of %d bytes: it must have 1 to %d", n, stream.MaxResult)
	}
	return run.attest(bytes.Clone(result))
}

// Receipt returns the proof of what the members have attested: who attested which
// result, signed by each. It is nil until the last barrier is passed, and when this
// node attests nothing. Members that tell all others the same have equal receipts.
func (c *Ceremony) Receipt() *Receipt {
	run := c.core()
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.receipt.clone()
}

func (c *core) attest(result []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.roster.Last() > 0:
		return invalid("Attest", "it is too late: this node has already announced the last barrier, "+
			"step %d", c.roster.Last())
	}
	c.result = result
	return nil
}

// signed is a result, and what this node signs of it to attest it at a step.
type signed struct {
	step        int64
	result      []byte
	attestation *roster.Attestation // nil without a result
	failure     error               // why it could not be signed
}

// toAttest returns what this node attests, and at which barrier if the next one is
// its last.
func (c *core) toAttest() (last int64, result []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roster.Last() > 0 {
		return c.roster.Last(), nil // it has done so
	}
	return c.roster.Step() + 1, c.result
}

func (c *core) sign(last int64, result []byte) signed {
	s := signed{step: last, result: result}
	if result == nil {
		return s
	}
	self := c.terms.Self
	signature, err := stream.Sign(c.key, c.terms.Statement(self, last, c.terms.Session, result))
	if err != nil {
		s.failure = &shownError{text: fmt.Sprintf("signing the result: %v", err), err: err}
		return s
	}
	s.attestation = &roster.Attestation{
		Result: string(result), Verified: true,
		Signature: signature, PublicKey: stream.KeyFor(c.def.Peers[self].ID, c.key.GetPublic()),
	}
	return s
}

// attestationOf is what the others are told of this node's result. An abort for
// different results has one as well, empty if this node has none: by that the
// others know what it is about.
func attestationOf(a roster.Announcement) (result, attestation []byte) {
	switch {
	case a.Failure != nil && a.Failure.Kind != roster.ResultMismatch, a.Failure == nil && a.Attestation == nil:
		return nil, nil
	case a.Attestation == nil:
		return []byte{}, nil
	case a.Failure != nil:
		return []byte(a.Attestation.Result), nil
	}
	return []byte(a.Attestation.Result), a.Attestation.Signature
}

// makeReceipt writes down what the members have attested, as the last barrier is
// passed. The lock is held.
func (c *core) makeReceipt() *Receipt {
	if c.roster.Attested(c.terms.Self) == nil {
		return nil
	}
	r := &Receipt{DefinitionHash: c.def.Hash, LastStep: c.roster.Last()}
	for i, p := range c.def.Peers {
		member := Attestation{ID: p.ID}
		if a := c.roster.Attested(i); a != nil {
			member.Session = c.roster.Member(i).Session
			member.Result, member.Signature, member.PublicKey = []byte(a.Result), a.Signature, a.PublicKey
		}
		if i == c.terms.Self {
			member.Session = c.terms.Session
		}
		r.Members = append(r.Members, member)
	}
	return r
}

// agreement says what the members attest, in short and in a few words; nothing
// without a receipt.
func (r *Receipt) agreement() (result, text string) {
	if r == nil {
		return "", ""
	}
	attesting := 0
	for _, m := range r.Members {
		if m.Session != 0 {
			attesting++
		}
	}
	who := fmt.Sprintf("all %d members", attesting)
	if attesting < len(r.Members) {
		who = fmt.Sprintf("%d of %d members", attesting, len(r.Members))
	}
	verb := "attest"
	if attesting == 1 {
		verb = "attests"
	}
	result = shortHash(r.Result())
	return result, fmt.Sprintf("%s %s %s", who, verb, result)
}

// differing makes the error of a ceremony whose members attest different results,
// and what the others are told of it. The lock is held.
func (c *core) differing() (told string, failure error) {
	const differ = "the results differ: "
	row := kindOf(roster.ResultMismatch)
	told = printable(differ+c.whoAttests("")+"; "+startAgain, maxReason)
	text := differ + c.whoAttests("this node") + "; " + c.adviceOnResults() + "; " + startAgain
	return told, &cause{sentinel: row.sentinel, text: text}
}

func (c *core) adviceOnResults() string {
	for i := range c.def.Peers {
		if c.roster.Attested(i) == nil && (i == c.terms.Self || c.roster.Member(i).Session != 0) {
			return "do all members run the same number of steps, and does each attest its result?"
		}
	}
	return "compare only the definition files and the results named here, and never show anyone a key file"
}

// whoAttests says who attests what: "this node and operator 1 (bob) attest 3fa1…,
// operator 2 (carol) attests nothing". Without a name for this node it is called
// like the others.
func (c *core) whoAttests(self string) string {
	type group struct {
		attests string
		who     []string
	}
	var groups []group
	add := func(i int, who string) {
		attests := c.attests(i)
		k := slices.IndexFunc(groups, func(g group) bool { return g.attests == attests })
		if k < 0 {
			k = len(groups)
			groups = append(groups, group{attests: attests})
		}
		groups[k].who = append(groups[k].who, who)
	}
	if self != "" {
		add(c.terms.Self, self)
	}
	for i, p := range c.def.Peers {
		foreign := i != c.terms.Self && c.roster.Member(i).Session == 0
		if !foreign && (i != c.terms.Self || self == "") {
			add(i, operator(i, p))
		}
	}
	const shown = 4
	var words []string
	for k, g := range groups {
		if k == shown && len(groups) > shown+1 {
			words = append(words, fmt.Sprintf("and %d others something else", len(groups)-shown))
			break
		}
		verb := " attest "
		if len(g.who) == 1 {
			verb = " attests "
		}
		words = append(words, list(g.who)+verb+g.attests)
	}
	return strings.Join(words, ", ")
}

// attests says what a member attests.
func (c *core) attests(i int) string {
	switch a := c.roster.Attested(i); {
	case a == nil:
		return "nothing"
	case !a.Verified:
		return "a result with an invalid signature"
	default:
		return c.shortResult(a.Result)
	}
}

// shortResult is how a result is called in sentences: it is cut where that leaves
// it unlike all others.
func (c *core) shortResult(result string) string {
	shown := 4 // bytes, at least
	for i := range c.def.Peers {
		if a := c.roster.Attested(i); a != nil && a.Verified && a.Result != result {
			for shown < len(result) && strings.HasPrefix(a.Result, result[:shown]) {
				shown++
			}
		}
	}
	if shown >= len(result) {
		return hex.EncodeToString([]byte(result))
	}
	return hex.EncodeToString([]byte(result[:shown])) + "…"
}

// list names some, and how many others there are: "alice, bob and 12 others".
func list(who []string) string {
	const shown = 3
	switch n := len(who); {
	case n == 1:
		return who[0]
	case n > shown+1:
		return fmt.Sprintf("%s and %d others", strings.Join(who[:shown], ", "), n-shown)
	default:
		return strings.Join(who[:n-1], ", ") + " and " + who[n-1]
	}
}
