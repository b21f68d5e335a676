package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrOff is returned while the client half is not running.
var ErrOff = errors.New("the clients are not running")

// CeremonyClients are the clients of one ceremony, one for each other member.
type CeremonyClients struct {
	half     *Clients
	ceremony Ceremony
	members  []*client // by operator index; nil for this node
	clients  []*client // the same without this node
	opened   time.Time // heartbeats are counted from it

	ctx     context.Context // ends with the streams
	cancel  context.CancelFunc
	started atomic.Bool
	running sync.WaitGroup // the clients and the readers of their streams
	ended   chan struct{}  // closed when they have ended
}

// Of returns the clients of a ceremony. None runs before [CeremonyClients.Start].
func (c *Clients) Of(ceremony Ceremony) *CeremonyClients {
	s := &CeremonyClients{half: c, ceremony: ceremony, ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	terms := ceremony.Terms()
	s.members = make([]*client, len(terms.Members))
	for i := range terms.Members {
		if i != terms.Self {
			s.members[i] = newClient(s, i)
			s.clients = append(s.clients, s.members[i])
		}
	}
	return s
}

// Start begins to connect to the members. It returns [ErrOff] when the client
// half is not running. Call it once.
func (s *CeremonyClients) Start(opened time.Time) error {
	s.opened = opened
	if !s.half.add(s) {
		return ErrOff
	}
	s.started.Store(true)
	for _, cl := range s.clients {
		s.run("stream to "+cl.id.String(), cl.run)
	}
	go func() {
		defer close(s.ended)
		s.running.Wait()
		s.half.forget(s)
	}()
	return nil
}

// run runs work on a goroutine of its own. A panic is brought to the ceremony.
func (s *CeremonyClients) run(task string, work func()) {
	s.running.Go(func() {
		defer recovering(task, s.ceremony.Broken)
		work()
	})
}

// Notify tells the clients that there is another announcement.
func (s *CeremonyClients) Notify() {
	for _, cl := range s.clients {
		notify(cl.wake)
	}
}

// Repeat makes a client send the announcement again.
func (s *CeremonyClients) Repeat(member int) {
	cl := s.members[member]
	cl.repeat.Store(true)
	notify(cl.wake)
}

// Ask makes a client ask its member at once, unless an answer is on its way: two
// nodes that ask each other because the other has asked would never end.
func (s *CeremonyClients) Ask(member int) {
	cl := s.members[member]
	cl.ask.Store(true)
	notify(cl.wake)
	notify(cl.hint)
}

// Told returns a channel that closes when an abort has reached a member, or
// cannot reach it.
func (s *CeremonyClients) Told(member int) <-chan struct{} { return s.members[member].told }

// End resets the streams. It does not wait.
func (s *CeremonyClients) End() { s.cancel() }

// Disconnect closes the connections of members with whom the clients have connected
// this host, unless they are needed otherwise, until ctx ends: to the members it is as
// if this host had gone.
func (s *CeremonyClients) Disconnect(ctx context.Context, needed func(peer.ID) bool) {
	var closing sync.WaitGroup
	for _, cl := range s.clients {
		if cl.made.Swap(false) && !needed(cl.id) {
			closing.Go(func() { _ = s.half.cfg.Host.Network().ClosePeer(cl.id) })
		}
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closing.Wait()
	}()
	_ = await(ctx, closed) // what has not closed by then does so in its own time
}

// Wait waits until every client has ended, or ctx has.
func (s *CeremonyClients) Wait(ctx context.Context) error {
	if !s.started.Load() {
		return nil
	}
	for _, cl := range s.clients {
		if err := await(ctx, cl.ended); err != nil {
			return &StuckError{Member: cl.index, Err: err}
		}
	}
	_ = await(ctx, s.ended) // every client has ended: what is left is bookkeeping
	return nil
}
