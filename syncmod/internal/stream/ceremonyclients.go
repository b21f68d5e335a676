package stream

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/internal/report"
)

// ErrOff is returned while the client half is not running.
var ErrOff = errors.New("the clients are not running")

// CeremonyClients are the clients of one ceremony, one for each other member.
type CeremonyClients struct {
	half     *Clients
	ceremony Ceremony
	members  []*client    // by operator index; nil for this node
	clients  []*client    // the same without this node
	opened   time.Time    // heartbeats are counted from here
	met      atomic.Int64 // when an event of the host last named a member, in Unix nanoseconds

	heartbeat *time.Timer // calls beat

	ctx     context.Context // ends with the streams
	cancel  context.CancelFunc
	started atomic.Bool
	left    atomic.Int64  // clients that have not ended
	ended   chan struct{} // closed when all have ended
}

// Of returns the clients of a ceremony. They do not run before [CeremonyClients.Start].
func (c *Clients) Of(ceremony Ceremony) *CeremonyClients {
	s := &CeremonyClients{half: c, ceremony: ceremony, ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.heartbeat = time.AfterFunc(math.MaxInt64, s.beat) // Start sets it
	s.heartbeat.Stop()
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

// Start starts to connect to the members. It returns [ErrOff] if the client half is not
// running. Call it only once.
func (s *CeremonyClients) Start(opened time.Time) error {
	s.opened = opened
	if !s.half.add(s) {
		return ErrOff
	}
	s.started.Store(true)
	s.left.Store(int64(len(s.clients)))
	for _, cl := range s.clients {
		go s.run(cl)
	}
	s.heartbeat.Reset(s.untilHeartbeat(time.Now()))
	return nil
}

// run runs a client. If the client panics, this function reports the panic to the
// ceremony.
func (s *CeremonyClients) run(cl *client) {
	defer func() {
		if s.left.Add(-1) == 0 {
			s.half.forget(s)
			close(s.ended)
		}
	}()
	defer recovering("stream to "+cl.id.String(), s.ceremony.Broken)
	cl.run()
}

// Notify sends a new announcement to every member. It does not wait until that is done.
func (s *CeremonyClients) Notify() {
	if s.ceremony.Announcement().Abort != "" {
		for _, cl := range s.clients {
			notify(cl.wake)
		}
	}
	go s.say()
}

// say writes on every stream what there is to say.
func (s *CeremonyClients) say() {
	fanOut(len(s.clients), func(i int) { s.clients[i].say() }, s.ceremony.Broken)
}

// beat is the heartbeat of all streams. They beat at the same moment, so that the
// process wakes up only once. This function also ends streams on which a request has
// waited too long for its response.
func (s *CeremonyClients) beat() {
	defer recovering("heartbeats", s.ceremony.Broken)
	now := time.Now()
	next := s.untilHeartbeat(now)
	for _, cl := range s.clients {
		o := cl.current.Load()
		if o == nil {
			continue
		}
		left := o.patience(now)
		if left <= 0 {
			o.fail(End{Reason: report.EndTimeout, Err: errSilent})
			continue
		}
		next = min(next, left)
		cl.due.Or(dueBeat)
	}
	s.heartbeat.Reset(next)
	if s.ctx.Err() != nil {
		s.heartbeat.Stop()
	}
	s.say()
}

func (s *CeremonyClients) untilHeartbeat(now time.Time) time.Duration {
	every := s.half.cfg.Heartbeat
	return every - now.Sub(s.opened)%every
}

// Repeat sends the announcement to a member again.
func (s *CeremonyClients) Repeat(member int) { s.due(s.members[member], dueRepeat) }

// Ask sends the announcement to a member again, unless an answer is on its way already.
// Without that exception, two nodes could make each other ask for ever, because each
// asks when the other has asked.
func (s *CeremonyClients) Ask(member int) {
	cl := s.members[member]
	s.due(cl, dueAsk)
	notify(cl.hint)
}

func (s *CeremonyClients) due(cl *client, what uint32) {
	cl.due.Or(what)
	go fanOut(1, func(int) { cl.say() }, s.ceremony.Broken)
}

// Told returns a channel that closes when an abort has reached a member, or can no
// longer reach it.
func (s *CeremonyClients) Told(member int) <-chan struct{} { return s.members[member].told }

// End resets the streams. It does not wait.
func (s *CeremonyClients) End() {
	s.cancel()
	s.heartbeat.Stop()
	for _, cl := range s.clients {
		if o := cl.current.Load(); o != nil {
			reset(o.stream, network.StreamNoError)
		}
	}
}

// Disconnect closes the connections to the members that the clients dialled, unless
// something else needs them. To those members it is as if this host had gone. Until
// ctx ends, it waits for the connections to close.
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
	_ = await(ctx, closed) // the rest close in their own time
}

// Wait waits until every client has ended, or until ctx ends.
func (s *CeremonyClients) Wait(ctx context.Context) error {
	if !s.started.Load() {
		return nil
	}
	for _, cl := range s.clients {
		if err := await(ctx, cl.ended); err != nil {
			return &StuckError{Member: cl.index, Err: err}
		}
	}
	_ = await(ctx, s.ended) // every client has ended; only bookkeeping is left
	return nil
}
