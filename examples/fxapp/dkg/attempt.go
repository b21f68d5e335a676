package dkg

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/drand/kyber"
	pedersen "github.com/drand/kyber/share/dkg"
	"github.com/drand/kyber/sign/schnorr"
	"github.com/drand/kyber/util/random"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/dkgsync/dkgsync/syncmod"
)

// phase is one of the three rounds of messages. In each, every member makes one message
// for all others. It makes the message before the barrier of the step, and the others
// fetch it after the barrier.
type phase int

const (
	keyPhase phase = iota
	deals
	responses
	phases // the number of phases
)

// lastBarrier is the step number of the last barrier, which follows all steps.
const lastBarrier = int64(phases) + 1

func (p phase) String() string { return [...]string{"key", "deal", "response"}[p] }

// attempt is a node's part in one attempt of a ceremony. None of it is used in
// another attempt.
type attempt struct {
	generator *Generator
	ceremony  *syncmod.Ceremony
	hash      []byte
	members   []syncmod.Peer
	self      int
	identity  crypto.PrivKey

	secret   kyber.Scalar // the others encrypt this node's shares to its public key
	pedersen *pedersen.DistKeyGenerator
	id       []byte         // a digest of everyone's keys
	given    [phases][]seen // what the members gave this node, by phase and operator index

	mu     sync.Mutex
	over   bool   // the ceremony has ended, so no share may be written
	stored string // the file name of the unconfirmed share, once it is written
}

// begin makes this node's key for the attempt, and serves it to the others.
func (a *attempt) begin() error {
	a.secret = keys().Scalar().Pick(random.New())
	nonce := make([]byte, pedersen.NonceLength)
	rand.Read(nonce)
	return a.serve(keyPhase, &keyBody{
		Threshold: Threshold(len(a.members)),
		Key:       encode(keys().Point().Mul(a.secret, nil)),
		Nonce:     nonce,
	})
}

// serve signs this node's message of a phase and serves it to the others.
func (a *attempt) serve(p phase, of body) error {
	text, err := a.make(p, of)
	if err != nil {
		return err
	}
	a.generator.serve(a, p, text)
	return nil
}

// steps returns the phases as steps. A member makes its message of a phase before it
// announces the step. So once a node has passed the barrier, every member's message is
// there.
func (a *attempt) steps() []syncmod.Step {
	return []syncmod.Step{
		{Name: "exchange keys", Run: a.exchangeKeys},
		{Name: "exchange deals", Run: a.exchangeDeals},
		{Name: "exchange responses", Run: a.exchangeResponses},
	}
}

// exchangeKeys fetches everyone's key and makes this node's deal.
func (a *attempt) exchangeKeys(ctx context.Context) error {
	bodies, err := fetchAll(ctx, a, keyPhase, func() *keyBody { return new(keyBody) })
	if err != nil {
		return err
	}
	nodes := make([]pedersen.Node, len(bodies))
	id := sha256.New()
	id.Write([]byte(statementPrefix))
	for i, b := range bodies {
		if want := Threshold(len(a.members)); b.Threshold != want {
			return a.blame(i, "wants %d of %d members to sign together, but this node wants %d: "+
				"does it run a different version?", b.Threshold, len(a.members), want)
		}
		key, err := parsePoint(b.Key)
		if err != nil {
			return a.blame(i, "gave an invalid key: %v", err)
		}
		for j := range i {
			if nodes[j].Public.Equal(key) {
				return a.copied(j, i, "key")
			}
		}
		nodes[i] = pedersen.Node{Index: uint32(i), Public: key}
		id.Write(a.given[keyPhase][i].Digest)
	}
	a.id = id.Sum(nil)
	return a.deal(nodes)
}

// copied says that two members gave the same random value. Only the member that made the value
// can tell which of the two copied it.
func (a *attempt) copied(first, second int, what string) error {
	switch a.self {
	case first:
		return a.blame(second, "gave the same %s as this node: it copied this node's %[1]s", what)
	case second:
		return a.blame(first, "gave the same %s as this node: it copied this node's %[1]s", what)
	}
	return fmt.Errorf("%s and %s gave the same %s: one of them copied it", a.name(first), a.name(second), what)
}

// deal makes this node's deal.
func (a *attempt) deal(nodes []pedersen.Node) (err error) {
	a.pedersen, err = pedersen.NewDistKeyHandler(&pedersen.Config{
		Suite: keys(), Longterm: a.secret, NewNodes: nodes, Threshold: Threshold(len(nodes)),
		FastSync: true, // every member answers every deal, even a valid one
		Nonce:    a.id,
		Auth:     schnorr.NewScheme(keys()), // never sent: members sign with the keys of their peer IDs
	})
	if err != nil {
		return fmt.Errorf("dealing: %w", err)
	}
	bundle, err := a.pedersen.Deals()
	if err != nil {
		return fmt.Errorf("dealing: %w", err)
	}
	b := &dealBody{Attempt: a.id, Keys: a.given[keyPhase], Shares: make([][]byte, len(nodes))}
	for _, c := range bundle.Public {
		b.Commitments = append(b.Commitments, encode(c))
	}
	for _, d := range bundle.Deals {
		b.Shares[d.ShareIndex] = d.EncryptedShare
	}
	return a.serve(deals, b)
}

// exchangeDeals fetches everyone's deal and checks it.
func (a *attempt) exchangeDeals(ctx context.Context) error {
	bodies, err := fetchAll(ctx, a, deals, func() *dealBody { return new(dealBody) })
	if err != nil {
		return err
	}
	bundles := make([]*pedersen.DealBundle, len(bodies))
	for i, b := range bodies {
		if err := a.compare(keyPhase, i, b.Keys); err != nil {
			return err
		}
		if bundles[i], err = a.bundle(i, b); err != nil {
			return err
		}
		for j := range i {
			if bundles[j].Public[0].Equal(bundles[i].Public[0]) {
				return a.copied(j, i, "deal")
			}
		}
	}
	response, err := a.pedersen.ProcessDeals(bundles)
	if err != nil {
		return fmt.Errorf("checking the deals: %w", err)
	}
	fits := make(map[uint32]bool)
	for _, r := range response.Responses {
		fits[r.DealerIndex] = r.Status == pedersen.Success
	}
	for i := range a.members {
		if !fits[uint32(i)] {
			return a.blame(i, "dealt this node a share that does not match its commitments")
		}
	}
	return a.serve(responses, &responseBody{Attempt: a.id, Deals: a.given[deals]})
}

// bundle returns a member's deal in the form that the generator takes.
func (a *attempt) bundle(member int, b *dealBody) (*pedersen.DealBundle, error) {
	n := len(a.members)
	switch {
	case !bytes.Equal(b.Attempt, a.id):
		return nil, a.blame(member, "gave a deal from another attempt")
	case len(b.Commitments) != Threshold(n):
		return nil, a.blame(member, "dealt for a threshold of %d, where it must be %d",
			len(b.Commitments), Threshold(n))
	case len(b.Shares) != n:
		return nil, a.blame(member, "dealt %d shares to %d members", len(b.Shares), n)
	}
	bundle := &pedersen.DealBundle{DealerIndex: uint32(member), SessionID: a.id}
	for _, data := range b.Commitments {
		c, err := parsePoint(data)
		if err != nil {
			return nil, a.blame(member, "dealt with an invalid commitment: %v", err)
		}
		bundle.Public = append(bundle.Public, c)
	}
	for i, encrypted := range b.Shares {
		if i != member {
			d := pedersen.Deal{ShareIndex: uint32(i), EncryptedShare: encrypted}
			bundle.Deals = append(bundle.Deals, d)
		}
	}
	return bundle, nil
}

// exchangeResponses fetches everyone's response, writes the share, and attests the
// group key.
func (a *attempt) exchangeResponses(ctx context.Context) error {
	bodies, err := fetchAll(ctx, a, responses, func() *responseBody { return new(responseBody) })
	if err != nil {
		return err
	}
	bundles := make([]*pedersen.ResponseBundle, len(bodies))
	for i, b := range bodies {
		if !bytes.Equal(b.Attempt, a.id) {
			return a.blame(i, "gave a response from another attempt")
		}
		if err := a.compare(deals, i, b.Deals); err != nil {
			return err
		}
		for _, dealer := range b.Complaints {
			if dealer < 0 || dealer >= len(bodies) {
				return a.blame(i, "complains about operator %d, who does not exist", dealer)
			}
			return a.blame(i, "complains about the deal of %s: one of them is at fault", a.name(dealer))
		}
		bundles[i] = &pedersen.ResponseBundle{ShareIndex: uint32(i), SessionID: a.id}
		for dealer := range bodies {
			r := pedersen.Response{DealerIndex: uint32(dealer), Status: pedersen.Success}
			bundles[i].Responses = append(bundles[i].Responses, r)
		}
	}
	share, err := a.finish(bundles)
	if err != nil {
		return err
	}
	if err := a.store(share); err != nil {
		return err
	}
	return a.ceremony.Attest(share.GroupKey)
}

// finish adds up the shares of all dealers.
func (a *attempt) finish(bundles []*pedersen.ResponseBundle) (*Share, error) {
	result, _, err := a.pedersen.ProcessResponses(bundles)
	switch {
	case err != nil:
		return nil, fmt.Errorf("adding up the shares: %w", err)
	case result == nil || len(result.QUAL) != len(a.members):
		return nil, errors.New("adding up the shares: not every member's share counts")
	}
	s := &Share{
		DefinitionHash: a.hash, Members: ids(a.ceremony.Definition()), Index: a.self,
		Threshold: Threshold(len(a.members)), GroupKey: encode(result.Key.Public()),
		public: newPublic(result.Key.Commits), secret: result.Key.Share.V,
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("adding up the shares: %w", err)
	}
	return s, nil
}

// store writes the share, unless the attempt has failed.
func (a *attempt) store(s *Share) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return a.ceremony.Err()
	}
	// If the disk is at fault, the operator has to act before another attempt makes sense.
	a.stored, err = a.generator.store.write(s)
	return syncmod.Permanent(err)
}

// end prevents a share from being written from now on. It returns the name of the file
// if one was written.
func (a *attempt) end() (stored string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	return a.stored
}

// keyOf returns the public key in a member's peer ID.
func (a *attempt) keyOf(member int) crypto.PubKey {
	return a.generator.host.Peerstore().PubKey(a.members[member].ID)
}
