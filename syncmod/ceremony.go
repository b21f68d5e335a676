package syncmod

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/mesh"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// Ceremony is one run of a definition on this node. [Service.Open] makes it, or fx
// makes it from the Definition in the graph. In an app that is started again, the
// ceremony begins anew. All methods are then about the run that the latest start
// began.
//
// The methods are about the barriers ([Ceremony.AwaitConnected],
// [Ceremony.Advance], [Ceremony.Complete], and [Ceremony.Run] for all of them), the
// result ([Ceremony.Attest], [Ceremony.Receipt]), the end ([Ceremony.Abort],
// [Ceremony.Close], [Ceremony.Done], [Ceremony.Err], [Ceremony.Context]), or the
// status ([Ceremony.Status], [Ceremony.Watch]). All are safe for concurrent use.
type Ceremony struct {
	current atomic.Pointer[core] // changes when an fx app is started again
}

func (c *Ceremony) core() *core { return c.current.Load() }

func newCeremony(s *Service, d Definition, a attempt, o openOptions) (*Ceremony, error) {
	c := new(Ceremony)
	run, err := newCore(s, c, d, a, o)
	if err != nil {
		return nil, err
	}
	c.current.Store(run)
	return c, nil
}

func newCore(s *Service, owner *Ceremony, d Definition, a attempt, o openOptions) (*core, error) {
	self, err := d.validate(s.host.ID())
	if err != nil {
		return nil, err
	}
	key := s.host.Peerstore().PrivKey(s.host.ID())
	if key == nil {
		return nil, invalid("host", "its peerstore has no private key of its own, so it cannot sign the definition")
	}
	d = d.clone()
	signature, err := key.Sign(d.Hash)
	if err != nil {
		return nil, fmt.Errorf("signing the definition hash: %w", err)
	}
	session := newSession()
	c := &core{
		svc: s, owner: owner, def: d, attempt: a, key: key,
		addressees: make([]atomic.Uint64, len(d.Peers)), called: d.Names(),
		done: make(chan struct{}), closed: make(chan struct{}), leaving: leaving{ended: make(chan struct{})},
		terms: stream.NewTerms(stream.Terms{
			Hash: d.Hash, Members: d.addrInfos(), Self: self, Session: session, Signature: signature,
			Version: s.cfg.Version, Nickname: s.cfg.Nickname, Observes: o.observes,
		}),
		state: state{
			since: time.Now(), clocks: make([]clock, len(d.Peers)), refused: make([]string, len(d.Peers)),
			views: make([][]Link, len(d.Peers)),
			mesh:  mesh.New(time.Now(), len(d.Peers), self, brokenAfter*s.cfg.Heartbeat),
			roster: roster.New(time.Now(), roster.Config{
				Members: len(d.Peers), Self: self, Version: s.version, VersionText: s.cfg.Version,
				PeerTimeout: s.cfg.PeerTimeout, Session: session, Observes: o.observes,
			}),
		},
	}
	c.failed, c.setFailed = context.WithCancelCause(context.Background())
	c.announcement.Store(c.terms.NewAnnouncement(stream.Announcement{}, time.Now()))
	c.view.Store(&stream.View{Bits: mesh.NewView(make([]mesh.Link, len(d.Peers)))})
	c.clients = s.clients.half.Of(c)
	c.report = s.telemetry.Ceremony(d.info(self, a, o), c.snapshot)
	return c, nil
}

// newSession draws a random session number. It is never 0, which means no session.
func newSession() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// Abort fails the ceremony for the given reason, and tells everyone. It returns at
// once. The others receive the reason as text of at most 256 bytes, without
// passwords, file paths or anything that looks like a key. Abort does nothing if
// the ceremony has already failed or has passed its last barrier.
func (c *Ceremony) Abort(reason error) {
	c.core().fail(roster.Aborted, orNoReason(reason))
}

// orNoReason returns err if it has a text. Otherwise it returns an error that says that
// no reason was given, and that wraps err if err is not nil.
func orNoReason(err error) error {
	switch {
	case err == nil:
		return errors.New("no reason given")
	case strings.TrimSpace(err.Error()) == "":
		return fmt.Errorf("no reason given%w", err)
	}
	return err
}

// Close leaves the ceremony and ends its streams. Before step 1 nobody is told, and
// the others go on waiting for this node. From step 1 on, closing is an Abort with
// ErrStopped. After the last barrier the goodbyes come first. Close waits for
// everything that the ceremony has started, but no longer than ctx. For the
// ceremony's reports and the functions of [OnEnd] it waits at most 500 ms. Closing
// twice does nothing.
func (c *Ceremony) Close(ctx context.Context) error {
	return c.core().leaveAndReport(ctx)
}

// Definition returns the ceremony's definition.
func (c *Ceremony) Definition() Definition { return c.core().def.clone() }

// Done returns a channel that is closed when the ceremony is complete or has
// failed.
func (c *Ceremony) Done() <-chan struct{} { return c.core().done }

// Err returns why the ceremony failed, or nil if it has not failed.
func (c *Ceremony) Err() error { return c.core().failure() }

// Context returns a context that ends when parent ends or the ceremony fails. If
// the ceremony failed, the failure is the cause of the context ([context.Cause]).
// The context does not end when the ceremony completes. Call the returned
// CancelFunc to release the resources of the context.
func (c *Ceremony) Context(parent context.Context) (context.Context, context.CancelFunc) {
	return c.core().context(parent)
}

func (c *core) context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	failed := c.failed
	stop := context.AfterFunc(failed, func() { cancel(context.Cause(failed)) })
	if failed.Err() != nil {
		cancel(context.Cause(failed))
	}
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}
