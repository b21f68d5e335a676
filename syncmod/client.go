package syncmod

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/dkgsync/dkgsync/telemetry"
)

const (
	jitter        = 0.2
	spreadMember  = time.Millisecond       // first dials are spread over so much for each member,
	spreadLongest = 250 * time.Millisecond // and over no more than this
	giveWayMember = 10 * time.Millisecond  // the member with the higher index lets the other one dial first: so much for each member,
	giveWayMost   = time.Second            // and no more than this
	connectSlice  = 30 * time.Second       // a connect that goes on failing is reported so often
	why           = "dkg sync"             // this module's reason for streams, in libp2p's words
)

// client keeps a stream to one member, for one ceremony, and says on it what
// this node has to say. It is one goroutine, and another for each stream that
// reads the responses.
type client struct {
	ceremony *Ceremony
	index    int
	id       peer.ID

	wake    chan struct{} // there is a new line to say
	hint    chan struct{} // the member may be reachable now
	told    chan struct{} // closed when a failure has been told, or cannot be
	ended   chan struct{} // closed when the client has ended
	started atomic.Bool

	tellOnce sync.Once
	stale    atomic.Bool // the member has come back as another process

	// What follows belongs to the client's goroutine.
	backoff  *backoff.ExponentialBackOff
	since    time.Time     // since when it has been trying to connect
	cut      time.Time     // when that was last reported
	warned   time.Duration // how long it had been trying when the log last told of it
	attempts int
	lostBy   string            // why the stream before was lost
	lost     *telemetry.Stream // that stream
	failure  error             // why the last attempt failed; nil while connected

	undialled bool // it was the dialling that failed
}

func newClient(c *Ceremony, index int) *client {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = c.svc.cfg.BackoffMin
	b.MaxInterval = c.svc.cfg.BackoffMax
	b.Multiplier = 2
	b.RandomizationFactor = jitter
	return &client{
		ceremony: c, index: index, id: c.def.Peers[index].ID, backoff: b,
		wake: make(chan struct{}, 1), hint: make(chan struct{}, 1), told: make(chan struct{}), ended: make(chan struct{}),
	}
}

// poke wakes the client: there is a new line to say.
func (cl *client) poke() {
	select {
	case cl.wake <- struct{}{}:
	default:
	}
}

// leaveStale makes the client leave its stream when it leads to a process that
// the member is no more. The ceremony's lock is held.
func (cl *client) leaveStale() {
	cl.stale.Store(true)
	cl.poke()
}

func (cl *client) tellingDone() { cl.tellOnce.Do(func() { close(cl.told) }) }

// run connects and talks until there is nothing more to say. It never gives up
// before.
func (cl *client) run(ctx context.Context) {
	defer close(cl.ended)
	defer cl.tellingDone()
	defer cl.reportFailing(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(cl.ceremony.live, cancel)
	defer stop()

	cl.trying(time.Now(), ending{}, nil)
	cl.wait(ctx, cl.spread())
	for ctx.Err() == nil {
		if cl.ceremony.line.Load().abort != "" {
			return // a failure is told on streams that are there: a new one could reach a new attempt
		}
		stream, err := cl.connect(ctx)
		var end ending
		if err != nil {
			end = ending{reason: telemetry.EndLost, err: err}
			cl.failed(err)
		} else {
			t := newTalk(ctx, cl, stream)
			t, end = cl.converse(ctx, t)
			t.close(end)
		}
		if ctx.Err() != nil || cl.finished(end) {
			return
		}
		cl.wait(ctx, cl.backoff.NextBackOff()+cl.giveWay())
	}
}

// finished tells whether there is nothing more to say after a stream.
func (cl *client) finished(end ending) bool {
	switch end.reason {
	case telemetry.EndGoodbye, telemetry.EndAbort, telemetry.EndRefused:
		return true
	}
	return false
}

// spread is the pause before the first dial.
func (cl *client) spread() time.Duration {
	members := len(cl.ceremony.def.Peers)
	return rand.N(min(time.Duration(members)*spreadMember, spreadLongest)+1) + cl.giveWay() //nolint:gosec // nobody gains by guessing it
}

// giveWay is what a member adds to a pause before it dials. Of two members the
// one with the lower index dials first, and the other finds the connection there:
// when both dial at the same moment, TCP makes one connection of it on which
// both are clients, and neither can use it.
func (cl *client) giveWay() time.Duration {
	if cl.ceremony.self < cl.index || cl.reachable() {
		return 0
	}
	return min(time.Duration(len(cl.ceremony.def.Peers))*giveWayMember, giveWayMost)
}

// wait pauses, unless the member appears or there is something to be told.
func (cl *client) wait(ctx context.Context, d time.Duration) {
	if cl.reachable() && cl.attempts == 0 && cl.lostBy == "" {
		return // nothing to wait for: the connection is there
	}
	select {
	case <-cl.hint: // one from before the pause says nothing, unless it is true
		if cl.undialled && cl.reachable() {
			return
		}
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for cl.ceremony.line.Load().abort == "" {
		select {
		case <-timer.C:
			return
		case <-cl.hint:
			return
		case <-cl.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (cl *client) reachable() bool {
	state := cl.ceremony.svc.host.Network().Connectedness(cl.id)
	return state == network.Connected || state == network.Limited
}

// connect opens a stream to the member, through whatever path works. A
// connection that the member makes meanwhile is as good as ours.
func (cl *client) connect(ctx context.Context) (network.Stream, error) {
	host := cl.ceremony.svc.host
	ctx, cancel := context.WithTimeout(ctx, cl.ceremony.svc.cfg.ExchangeTimeout)
	defer cancel()
	ctx = network.WithAllowLimitedConn(ctx, why)
	cl.undialled = false
	if !cl.reachable() {
		if err := cl.dial(ctx); err != nil && !cl.reachable() {
			cl.undialled = true
			return nil, err
		}
	}
	stream, err := host.NewStream(network.WithNoDial(ctx, why), cl.id, ProtocolID)
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", err)
	}
	return stream, nil
}

func (cl *client) dial(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialled, gone := make(chan struct{}), make(chan struct{})
	defer func() {
		close(dialled)
		<-gone // or it could take a wake-up that comes later
	}()
	go func() {
		defer close(gone)
		for {
			select {
			case <-cl.hint:
				if cl.reachable() {
					cancel()
					return
				}
			case <-cl.wake: // the first frame says the newest line anyway
				if cl.ceremony.line.Load().abort != "" {
					cancel()
					return
				}
			case <-dialled:
				return
			}
		}
	}()
	addrs := cl.ceremony.def.Peers[cl.index].Addrs // what the host has known for itself, it may have forgotten
	if err := cl.ceremony.svc.host.Connect(ctx, peer.AddrInfo{ID: cl.id, Addrs: addrs}); err != nil {
		return fmt.Errorf("dialling: %w", err)
	}
	return nil
}

// trying notes since when the client has wanted a new stream, and why: how the
// stream before ended.
func (cl *client) trying(since time.Time, end ending, lost *telemetry.Stream) {
	cl.since, cl.cut, cl.warned = since, since, 0
	cl.lostBy, cl.lost = end.reason, lost
}

// connected notes that a stream has been answered.
func (cl *client) connected(t *talk, now time.Time) {
	cl.backoff.Reset()
	cl.ceremony.report.Connect(telemetry.Connect{
		Peer: cl.index, Started: cl.cut, Ended: now, Since: cl.since, Attempts: cl.attempts + 1, Relayed: t.relayed, Reason: cl.lostBy, Lost: cl.lost,
	})
	cl.attempts, cl.failure = 0, nil
}

// failed notes that the member could not be reached.
func (cl *client) failed(err error) {
	cl.attempts++
	switch {
	case !errors.Is(err, swarm.ErrDialBackoff):
		cl.failure = shown(err)
	case cl.failure == nil:
		cl.failure = shown(err) // the host has failed to dial it for somebody else
	} // else the host only pauses: what it failed with before is worth more
	cl.attempted()
}

// unanswered notes that a stream has ended before anything was answered on it.
func (cl *client) unanswered(err error) {
	cl.attempts++
	cl.failure = err
	cl.attempted()
}

// attempted brings an attempt that has failed to the rules.
func (cl *client) attempted() {
	c := cl.ceremony
	c.mu.Lock()
	c.roster.Attempt(cl.index, cl.failure)
	c.notifyWatchers()
	c.mu.Unlock()
	cl.reportFailing(connectSlice)
}

// reportFailing reports attempts that go on failing, once they have for so long.
func (cl *client) reportFailing(after time.Duration) {
	now := time.Now()
	if cl.failure == nil || now.Sub(cl.cut) < after {
		return
	}
	over := after == 0
	trying := now.Sub(cl.since)
	again := trying < min(2*cl.warned, cl.warned+longestSlice)
	if !again {
		cl.warned = trying
	}
	cl.ceremony.report.Connect(telemetry.Connect{
		Peer: cl.index, Started: cl.cut, Ended: now, Since: cl.since, Attempts: cl.attempts, Reason: cl.lostBy, Lost: cl.lost, Over: over, Again: again, Err: cl.failure, Type: telemetry.TypeDialFailed,
	})
	cl.cut = now
}
