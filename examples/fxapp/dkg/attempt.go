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

// phase is one of the three messages that every member makes for all others. It is
// made before the barrier of its step, and fetched behind it.
type phase int

const (
	keyPhase phase = iota
	deals
	responses
	phases // how many there are
)

// lastBarrier is the step of the barrier behind the steps.
const lastBarrier = int64(phases) + 1

func (p phase) String() string { return [...]string{"key", "deal", "response"}[p] }

// attempt is what a node does in one attempt of a ceremony. Nothing of it gets into
// another one.
type attempt struct {
	generator *Generator
	ceremony  *syncmod.Ceremony
	hash      []byte
	members   []syncmod.Peer
	self      int
	identity  crypto.PrivKey

	secret   kyber.Scalar // what the others encrypt the shares for this node to
	pedersen *pedersen.DistKeyGenerator
	id       []byte         // a digest of everybody's keys
	given    [phases][]seen // what the members gave this node, by phase and operator index

	mu     sync.Mutex
	over   bool   // the ceremony has ended: no share is written any more
	stored string // the name of the unconfirmed share's file, once it is written
}

// begin makes this node's key for the attempt, and serves it.
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

// serve makes this node's message of a phase, for the others to fetch.
func (a *attempt) serve(p phase, of body) error {
	text, err := a.make(p, of)
	if err != nil {
		return err
	}
	a.generator.serve(a, p, text)
	return nil
}

// steps are the phases. What a phase needs, everybody has made before its barrier: so
// whoever has passed the barrier finds it.
func (a *attempt) steps() []syncmod.Step {
	return []syncmod.Step{
		{Name: "exchange keys", Run: a.exchangeKeys},
		{Name: "exchange deals", Run: a.exchangeDeals},
		{Name: "exchange responses", Run: a.exchangeResponses},
	}
}

// exchangeKeys fetches everybody's key, and deals to everybody.
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

// copied says that two members gave the same of what is random. Only the one whose it is knows who copied it.
func (a *attempt) copied(first, second int, what string) error {
	switch a.self {
	case first:
		return a.blame(second, "gave the same %s as this node, to which it belongs", what)
	case second:
		return a.blame(first, "gave the same %s as this node, to which it belongs", what)
	}
	return fmt.Errorf("%s and %s gave the same %s: one of them copied it", a.name(first), a.name(second), what)
}

// deal makes this node's deal.
func (a *attempt) deal(nodes []pedersen.Node) (err error) {
	a.pedersen, err = pedersen.NewDistKeyHandler(&pedersen.Config{
		Suite: keys(), Longterm: a.secret, NewNodes: nodes, Threshold: Threshold(len(nodes)),
		FastSync: true, // every member answers every deal, also a good one
		Nonce:    a.id,
		Auth:     schnorr.NewScheme(keys()), // not sent: members sign with the keys of their peer IDs
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

// exchangeDeals fetches everybody's deal, and checks it.
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

// bundle is a member's deal as the generator takes it.
func (a *attempt) bundle(member int, b *dealBody) (*pedersen.DealBundle, error) {
	n := len(a.members)
	switch {
	case !bytes.Equal(b.Attempt, a.id):
		return nil, a.blame(member, "gave a deal of another attempt")
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

// exchangeResponses fetches everybody's response, writes the share and attests the
// group key.
func (a *attempt) exchangeResponses(ctx context.Context) error {
	bodies, err := fetchAll(ctx, a, responses, func() *responseBody { return new(responseBody) })
	if err != nil {
		return err
	}
	bundles := make([]*pedersen.ResponseBundle, len(bodies))
	for i, b := range bodies {
		if !bytes.Equal(b.Attempt, a.id) {
			return a.blame(i, "gave a response of another attempt")
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
	// What is wrong with this node's disk, its operator has to mend before it begins again.
	a.stored, err = a.generator.store.write(s)
	return syncmod.Permanent(err)
}

// end keeps a share from being written from now on, and returns the name of the file if
// one was.
func (a *attempt) end() (stored string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	return a.stored
}

// keyOf is the key of a member's peer ID.
func (a *attempt) keyOf(member int) crypto.PubKey {
	return a.generator.host.Peerstore().PubKey(a.members[member].ID)
}
