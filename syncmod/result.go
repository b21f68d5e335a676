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

// Attest sets the result of this node's work: a digest of 1 to 64 bytes, for example
// of the group's public key. Every member must attest the same result. Otherwise the
// ceremony fails at its last barrier with [ErrResultMismatch], before any member has
// succeeded. A member that attests nothing differs from one that attests something.
// Foreign members (Charon, Pluto) cannot attest, and are excused.
//
// All this holds for members with the same number of steps. A node compares results
// at its own last barrier. Suppose that a node attests nothing and that its last
// barrier is k. It passes barrier k and succeeds, even if another member goes on and
// attests a result at k+1. The other member fails with [ErrPeerLeft].
//
// Call Attest before [Ceremony.Complete] or [Ceremony.Run] announces the last
// barrier, for example in the last step. Another call replaces the result. Attest
// returns an [ErrInvalid] once the last barrier is announced, and for a result that
// is empty or longer than 64 bytes. It does not block. After the last barrier,
// [Ceremony.Receipt] proves what every member attested.
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

// Receipt returns the proof of what the members attested. It says who attested which
// result, and each member has signed its own part. Receipt returns nil until the last
// barrier is passed, and when this node attests nothing. Members have equal receipts
// unless a member tells different members different things.
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

// signed is a result and the signature with which this node attests it at a step.
type signed struct {
	step        int64
	result      []byte
	attestation *roster.Attestation // nil without a result
	failure     error               // why it could not be signed
}

// toAttest returns what this node attests, and the number of the next
// barrier, which may become the last one. Once the last barrier is announced, it returns that
// barrier's number and no result.
func (c *core) toAttest() (last int64, result []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roster.Last() > 0 {
		return c.roster.Last(), nil // it has already attested
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

// attestationOf returns what the others are told about this node's result. An abort
// for different results carries a result too, which is empty if this node has none.
// It tells the others what the abort is about.
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

// makeReceipt makes the receipt when the last barrier is passed. The caller holds the
// lock.
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

// agreement describes what the members attest: the result, shortened, and a few
// words. Both are empty without a receipt.
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

// differing makes the error of a ceremony whose members attest different results, and
// the text that the others are told. The caller holds the lock.
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
// operator 2 (carol) attests nothing". If self is empty, this node is named like the
// others.
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
			rest := 0
			for _, g := range groups[shown:] {
				rest += len(g.who)
			}
			words = append(words, fmt.Sprintf("and %d others something else", rest))
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

// shortResult returns the form of a result that sentences use. It is shortened, but
// only so far that it still differs from all other results.
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

// list returns the first few names and the number of the rest: "alice, bob, carol
// and 12 others".
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
