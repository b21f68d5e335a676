package dkg

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Module provides the *[Generator] of a node. It takes the host.Host, the *[Store]
// and the *[logrus.Logger] from the graph, and starts and stops with the app.
var Module = fx.Module("dkg", fx.Provide(newGenerator))

func newGenerator(lc fx.Lifecycle, h host.Host, s *Store, log *logrus.Logger) (*Generator, error) {
	g, err := New(h, s, log)
	if err == nil {
		lc.Append(fx.StartStopHook(g.Start, g.Stop))
	}
	return g, err
}

// Attempts is the constructor that [syncmod.RunAttempts] takes.
func Attempts(g *Generator) func(*syncmod.Ceremony) ([]syncmod.Step, error) { return g.Steps }

// Generator takes part in the key generation of one definition, attempt after attempt.
type Generator struct {
	host    host.Host
	store   *Store
	log     *logrus.Logger
	self    int // operator index
	timeout time.Duration

	following sync.WaitGroup // for the ends of ceremonies

	mu      sync.Mutex
	server  server
	outcome Outcome
}

// New returns a generator, which does nothing until it is started. The host's identity
// has to be that of a member of the store's definition.
func New(h host.Host, s *Store, log *logrus.Logger) (*Generator, error) {
	g := &Generator{host: h, store: s, log: log, timeout: fetchTimeout}
	members := ids(s.definition)
	g.self = slices.Index(members, h.ID())
	switch {
	case g.self < 0:
		return nil, fmt.Errorf("key generation: this node (%s) is not a member of the definition", h.ID())
	case h.Peerstore().PrivKey(h.ID()) == nil:
		return nil, errors.New("key generation: the host has no private key to sign with")
	}
	for name, share := range s.unconfirmed {
		if share.Index != g.self {
			return nil, fmt.Errorf("data directory %s: %s is the share of operator %d, and this node is operator %d: "+
				"use another directory", s.dir, name, share.Index, g.self)
		}
	}
	g.server = server{members: make(map[peer.ID]bool), streams: make(map[network.Stream]peer.ID), stopped: true}
	for _, id := range members {
		g.server.members[id] = id != h.ID()
	}
	return g, nil
}

// Start registers the protocols at the host. The host should not listen before.
func (g *Generator) Start() error { return g.startServing() }

// Stop waits until the ends of all ceremonies are dealt with, and removes the protocols
// from the host. It returns why the share of a complete ceremony could not be confirmed,
// if so. The ceremonies have to be closed before.
func (g *Generator) Stop(ctx context.Context) error {
	followed := make(chan struct{})
	go func() {
		g.following.Wait()
		close(followed)
	}()
	var late error
	select {
	case <-followed:
	case <-ctx.Done():
		late = fmt.Errorf("a ceremony is still open, or its share is still being stored: %w", ctx.Err())
	}
	return errors.Join(late, g.stopServing(ctx), g.Outcome().Err)
}

// Steps makes the steps of an attempt, as [syncmod.Service.Run] takes them. It also
// follows the ceremony to its end in the background: the share is confirmed once the
// last barrier is passed, and removed if the attempt fails before this node has announced
// that barrier.
func (g *Generator) Steps(c *syncmod.Ceremony) ([]syncmod.Step, error) {
	d := c.Definition()
	if want := g.store.definition; !reflect.DeepEqual(d.Hash, want.Hash) || !slices.Equal(ids(d), ids(want)) {
		return nil, syncmod.Permanent(fmt.Errorf(
			"data directory %s was opened for a different definition than the ceremony's", g.store.dir))
	}
	a := &attempt{
		generator: g, ceremony: c, hash: d.Hash, members: d.Peers, self: g.self,
		identity: g.host.Peerstore().PrivKey(g.host.ID()),
	}
	if err := a.begin(); err != nil {
		return nil, err
	}
	g.following.Go(func() { g.follow(a) })
	return a.steps(), nil
}

// follow deals with the end of an attempt.
func (g *Generator) follow(a *attempt) {
	c := a.ceremony
	for range c.Watch(context.Background()) {
		if c.Receipt() != nil {
			break // the last barrier is passed: what is left are the goodbyes
		}
	}
	name := a.end()
	switch receipt := c.Receipt(); {
	case receipt != nil:
		g.confirm(name, receipt)
	case name != "":
		g.keepOrRemove(name, c.Status())
	}
}

// confirm makes the share of a complete ceremony the node's share.
func (g *Generator) confirm(name string, r *syncmod.Receipt) {
	share, err := Confirm(g.store.dir, r)
	if err != nil {
		g.end(Outcome{Path: g.store.path(name), Err: fmt.Errorf(
			"the ceremony is complete, but the share is not confirmed: %w; "+
				"confirm it with the receipt of any other member", err)})
		return
	}
	g.end(Outcome{Share: share, Path: g.store.path(shareName), Receipt: g.store.path(receiptName)})
	g.log.WithField("group_key", shortKey(share.GroupKey)).Info("the share and the receipt are stored")
}

// keepOrRemove deals with the share of an attempt that has failed. Before this node has
// announced the last barrier, nobody can have passed it.
func (g *Generator) keepOrRemove(name string, s syncmod.Status) {
	if s.Step < lastBarrier {
		if err := g.store.remove(name); err != nil {
			g.log.WithError(err).Warn("the unconfirmed share of a failed attempt could not be removed; nothing uses it")
		}
		return
	}
	o := Outcome{Path: g.store.path(name)}
	g.end(o)
	g.log.Warn(o.Advice())
}

func (g *Generator) end(o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outcome = o
}

// Outcome returns what the disk has of the ceremony. It is final once Stop has returned.
func (g *Generator) Outcome() Outcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.outcome
}

// Outcome is what a node has of a ceremony that is over.
type Outcome struct {
	Share   *Share // the confirmed share; nil: there is none
	Path    string // of the share's file, confirmed or not; empty: there is none
	Receipt string // path of the receipt's file; empty: there is none
	Err     error  // why the share of a complete ceremony is not confirmed
}

// Advice says in a sentence what an unconfirmed share means and what to do with it. It
// is empty if there is none.
func (o Outcome) Advice() string {
	if o.Share != nil || o.Path == "" {
		return ""
	}
	return fmt.Sprintf("the share in %s is unconfirmed: the ceremony failed at its very end, and other members "+
		"may have completed it; keep the file, ask them for a receipt, and confirm the share with it "+
		"(fxapp verify RECEIPT --data-dir DIR); if nobody has a receipt, start the ceremony again together", o.Path)
}
