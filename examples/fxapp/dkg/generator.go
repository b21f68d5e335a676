package dkg

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Module provides the *[Generator] of a node. It takes the host.Host, the *[Store]
// and the *[logrus.Logger] from the graph. [Attempts] runs it.
var Module = fx.Module("dkg",
	fx.Provide(fx.Annotate(New, fx.OnStart((*Generator).Start), fx.OnStop((*Generator).Stop))),
)

// Attempts is the constructor for [syncmod.RunAttempts].
func Attempts(g *Generator) func(*syncmod.Ceremony) ([]syncmod.Step, error) { return g.Steps }

// Generator takes part in the key generation of one definition, attempt after
// attempt.
type Generator struct {
	host  host.Host
	store *Store
	log   *logrus.Logger
}

// New returns a generator, which does nothing until it is started. The host's
// identity has to be that of a member of the store's definition.
func New(h host.Host, s *Store, log *logrus.Logger) (*Generator, error) {
	return &Generator{host: h, store: s, log: log}, nil
}

// Start registers the protocol at the host. It has to be called before the host
// listens.
func (g *Generator) Start() error { return nil }

// Stop waits until the share of a complete ceremony is stored, removes the protocol
// from the host, and returns why the share could not be stored, if so. It has to be
// called after the ceremonies were closed.
func (g *Generator) Stop(context.Context) error { return nil }

// Steps makes the steps of an attempt. It is what [syncmod.Service.Run] takes; for a
// ceremony of one attempt only, it is called before [syncmod.Ceremony.Run].
//
// It also follows the ceremony to its end, in the background: the share is confirmed
// once the last barrier is passed, and removed when the attempt fails before this node
// has announced that barrier.
func (g *Generator) Steps(*syncmod.Ceremony) ([]syncmod.Step, error) { return nil, nil }

// Outcome returns what is left of the ceremony on the disk. It is complete once Stop
// has returned.
func (g *Generator) Outcome() Outcome { return Outcome{} }

// Outcome is what a node has of a ceremony that is over.
type Outcome struct {
	Share   *Share // the confirmed share; nil: there is none
	Path    string // of the share's file, confirmed or not; empty: there is none
	Receipt string // path of the receipt's file; empty: there is none
	Err     error  // why the share of a complete ceremony could not be confirmed
}

// Advice says in a sentence what an unconfirmed share means and what to do with it;
// it is empty if there is none.
func (o Outcome) Advice() string { return "" }
