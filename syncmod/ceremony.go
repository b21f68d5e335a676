package syncmod

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
	"github.com/dkgsync/dkgsync/telemetry"
)

// tellFor is how long a failed ceremony goes on telling the others why.
const tellFor = 700 * time.Millisecond

// Ceremony is one run of one definition on this node. [Service.Open] makes it,
// or fx does, from the Definition in the graph.
//
// Its calls are either about the barriers ([Ceremony.AwaitConnected],
// [Ceremony.Advance], [Ceremony.Complete], or [Ceremony.Run] for all of it),
// about the end ([Ceremony.Abort], [Ceremony.Close], [Ceremony.Done],
// [Ceremony.Err], [Ceremony.Context]), or for looking on ([Ceremony.Status],
// [Ceremony.Watch]). All are safe for concurrent use.
type Ceremony struct {
	svc       *Service
	def       Definition
	self      int // this node's operator index
	indexOf   map[peer.ID]int
	session   uint64
	signature []byte
	report    *telemetry.Ceremony
	members   []*client // by operator index; nil for this node

	line atomic.Pointer[line] // what every client is to say

	live    context.Context // ends with the streams
	endLive context.CancelFunc
	failed  context.Context // ends with the failure, which is its cause
	setFail context.CancelCauseFunc
	done    chan struct{} // closed when complete or failed
	closed  chan struct{} // closed when it is no longer open

	opening               sync.Mutex // held while the ceremony is being opened
	closeOnce, closedOnce sync.Once

	mu        sync.Mutex
	roster    *roster.Roster
	inbounds  map[roster.StreamID]*inboundState
	opened    time.Time // zero: not open yet
	stopped   bool      // Close was called
	quiet     bool      // the failure is nobody else's business
	nested    error     // what this node's user failed it with
	err       error
	told      string    // what the others are told of the failure
	toldBy    time.Time // until when they are
	unheard   error     // who did not say goodbye
	stepName  string    // name of the current step
	since     time.Time // of the current phase and step
	phase     Phase
	connected chan struct{} // closed when everyone has become connected
	passed    chan struct{} // closed when a barrier has been passed
	watch     chan struct{} // closed when the status has changed
	timer     *time.Timer   // the coarse one: gone members, goodbyes, slices of a wait
	advancing bool
	owed      int64 // the step that an Advance has announced and none has returned yet
	slice     slice
	farewell  time.Time // when the last barrier was passed

	lastConnected, lastGoodbye int            // who connected last, and whose goodbye came last
	working                    telemetry.Step // what this node is doing between two barriers, if anything

	reports   []func() // what is to be reported once the lock is released
	reporting atomic.Bool
	reportMu  sync.Mutex
}

// inboundState is what a ceremony keeps of a stream that it serves.
type inboundState struct {
	in      *inbound
	ending  bool // it has said its last, which a reset must not overtake
	why     string
	release func()
	report  *telemetry.Stream
}

// line is what this node has to say to everyone at a moment.
type line struct {
	step     int64
	shutdown bool
	abort    string
	culprit  []byte
	frame    []byte // as every stream but a new one can send it
}

func newCeremony(s *Service, d Definition) (*Ceremony, error) {
	self, err := d.validate(s.host.ID())
	if err != nil {
		return nil, err
	}
	key := s.host.Peerstore().PrivKey(s.host.ID())
	if key == nil {
		return nil, invalid("host", "its peerstore has no private key of its own to sign the definition with")
	}
	d = d.clone()
	signature, err := key.Sign(d.Hash)
	if err != nil {
		return nil, fmt.Errorf("signing the definition hash: %w", err)
	}
	c := &Ceremony{
		svc: s, def: d, self: self, indexOf: make(map[peer.ID]int, len(d.Peers)), session: newSession(), signature: signature,
		done: make(chan struct{}), closed: make(chan struct{}), inbounds: make(map[roster.StreamID]*inboundState),
		members: make([]*client, len(d.Peers)), since: time.Now(),
	}
	info := telemetry.Info{Hash: d.Hash, Index: self}
	for i, p := range d.Peers {
		c.indexOf[p.ID] = i
		info.Peers = append(info.Peers, telemetry.Peer{Index: i, ID: p.ID.String(), Name: displayName(p)})
		if i != self {
			c.members[i] = newClient(c, i)
		}
	}
	c.report = s.telemetry.Ceremony(info, c.snapshot)
	c.live, c.endLive = context.WithCancel(context.Background())
	c.failed, c.setFail = context.WithCancelCause(context.Background())
	c.roster = roster.New(time.Now(), roster.Config{
		Members: len(d.Peers), Self: self, Version: s.version, VersionText: s.cfg.Version, PeerTimeout: s.cfg.PeerTimeout, Dead: s.buried(d),
	})
	c.line.Store(&line{})
	return c, nil
}

// newSession draws a session number: random, and never 0, which is no session.
func newSession() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// open begins the ceremony on a running service. The context is only whose span
// the ceremony's trace links to.
func (c *Ceremony) open(caller context.Context) error {
	c.opening.Lock()
	err := c.begin(caller)
	c.opening.Unlock()
	if err != nil && !c.opened.IsZero() {
		c.fail(roster.Stopped, ErrStopped)
		return errors.Join(err, c.Close(c.live))
	}
	return err
}

func (c *Ceremony) begin(caller context.Context) error {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return fmt.Errorf("opening a ceremony that was closed: %w: open its definition again", ErrStopped)
	}
	if err := c.err; err != nil {
		c.mu.Unlock()
		return fmt.Errorf("opening a ceremony that was aborted before: %w", err)
	}
	if err := c.svc.add(c); err != nil {
		c.mu.Unlock()
		return err
	}
	now := time.Now()
	c.opened, c.since = now, now
	c.say(now)
	c.look(now)
	c.mu.Unlock()
	for _, p := range c.others() {
		c.svc.addrs.add(p.ID, p.Addrs)
	}
	c.report.Opened(caller, now)
	for _, cl := range c.members {
		if cl == nil {
			continue
		}
		if err := c.svc.clients.start(cl); err != nil {
			return fmt.Errorf("opening a ceremony: %w: %w", ErrStopped, err)
		}
	}
	c.svc.server.unpark()
	return nil
}

func (c *Ceremony) others() []Peer {
	peers := make([]Peer, 0, len(c.def.Peers)-1)
	for i, p := range c.def.Peers {
		if i != c.self {
			peers = append(peers, p)
		}
	}
	return peers
}

// index returns a member's operator index, -1 for who is none (or is us).
func (c *Ceremony) index(id peer.ID) int {
	if i, ok := c.indexOf[id]; ok && i != c.self {
		return i
	}
	return -1
}

// say makes the line that every client is to say now, and wakes them. The lock
// is held.
func (c *Ceremony) say(now time.Time) {
	l := &line{step: c.roster.Step()}
	switch {
	case c.err != nil:
		l.abort = c.told
		if l.abort == "" {
			l.abort = "no reason given"
		}
		if f := c.roster.Failure(); f != nil {
			l.culprit = []byte(c.def.Peers[f.Culprit].ID)
		}
	case c.roster.Farewell():
		l.shutdown = true
	}
	l.frame = c.encode(nil, c.requestFor(l, now))
	c.line.Store(l)
	for _, cl := range c.members {
		if cl != nil {
			cl.poke()
		}
	}
}

// lock takes the lock, and then the time: facts come to the rules in the order of
// their times.
func (c *Ceremony) lock() (now time.Time) {
	c.mu.Lock()
	return time.Now()
}

// request brings a member's request to the rules.
func (c *Ceremony) request(i int, in *inbound, q *syncpb.SyncRequest, signed bool) roster.Verdict {
	fact := roster.Request{
		Opened: in.opened, Version: q.GetVersion(), Signed: signed, Session: q.GetSessionId(), Step: q.GetStep(), Shutdown: q.GetShutdown(),
		Nickname: q.GetNickname(), Culprit: -1,
	}
	if q.GetAbort() != "" {
		fact.Aborted = true
		fact.Abort = printable(q.GetAbort(), maxReason)
		if culprit, ok := c.indexOf[peer.ID(q.GetCulprit())]; ok {
			fact.Culprit = culprit
		}
	}
	now := c.lock()
	defer c.mu.Unlock()
	if c.quiet {
		return roster.Verdict{Action: roster.Hold} // it goes on waiting for us, and is not told why
	}
	verdict := c.roster.Request(now, i, in.id, fact)
	switch verdict.Action {
	case roster.AcceptLast, roster.Refuse:
		if state := c.inbounds[in.id]; state != nil {
			state.ending = true
		}
	}
	switch verdict.Action {
	case roster.Refuse:
		c.note(func() { c.report.Rejected(i, typeOf(verdict.Cause.Kind)) })
	case roster.Drop:
		c.note(func() { c.report.Rejected(i, telemetry.TypeOther) })
	}
	c.settle(now)
	return verdict
}

// foreign reports that a member asks for another definition.
func (c *Ceremony) foreign(now time.Time, i int, asked, here string) {
	c.mu.Lock()
	c.note(func() { c.report.Foreign(i, now, asked, here) })
	c.mu.Unlock()
	c.flush()
}

// repeated brings a request to the rules that says what the stream's last one
// said. It returns false when that has to be judged anew.
func (c *Ceremony) repeated(i int, in *inbound) bool {
	now := c.lock()
	defer c.mu.Unlock()
	return c.roster.Repeated(now, i, in.id)
}

// join registers a stream that the ceremony serves. It returns false once the
// ceremony is closed.
func (c *Ceremony) join(in *inbound, first *syncpb.SyncRequest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		return false
	default:
	}
	tag := fmt.Sprintf("%s/from/%d/%x/%d", ServiceName, c.indexOf[in.remote], c.session, in.id)
	in.report = c.report.Stream(telemetry.StreamStart{
		Peer: c.indexOf[in.remote], Inbound: true, Relayed: in.stream.Conn().Stat().Limited, At: in.opened, Traceparent: first.GetTraceparent(),
	})
	c.inbounds[in.id] = &inboundState{in: in, release: c.svc.keep(in.stream.Conn(), tag), report: in.report}
	return true
}

// supersede resets a member's current stream and waits until its handler has
// returned. It returns false when the stream that takes over has ended itself.
func (c *Ceremony) supersede(by *inbound, old roster.StreamID) bool {
	c.mu.Lock()
	state := c.inbounds[old]
	if state != nil {
		state.why = telemetry.EndSuperseded
	}
	c.mu.Unlock()
	if state == nil {
		return true // its handler has returned meanwhile
	}
	state.in.reset(network.StreamNoError)
	select {
	case <-state.in.done:
		return true
	case <-by.ctx.Done():
		return false
	}
}

// leave notes that a stream has ended.
func (c *Ceremony) leave(in *inbound, end ending) {
	now := c.lock()
	state := c.inbounds[in.id]
	if state == nil {
		c.mu.Unlock()
		return
	}
	delete(c.inbounds, in.id)
	if state.why != "" {
		end.reason = state.why
	}
	i := c.indexOf[in.remote]
	c.roster.InboundDown(now, i, in.id)
	state.release()
	messages := in.messages
	in.messages = 0
	c.note(func() {
		state.report.End(telemetry.StreamEnd{At: now, Messages: messages, Reason: end.reason, Err: end.err, Type: errorType(end.err)})
	})
	c.settle(now)
	c.mu.Unlock()
	c.flush()
}

// refusal is what a refused request is answered with, and the error it stands
// for.
func (c *Ceremony) refusal(cause *roster.Failure) (text string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cause == c.roster.Failure() {
		return c.told, nil // reported as the ceremony's end
	}
	err = explain(c.def, *cause, nil)
	return reason(c.def, c.self, *cause, err), err
}

// Abort fails the ceremony for a reason of this node's own, and tells everyone.
// It returns at once. The others are told the reason's text as far as it fits
// and is theirs to know: at most 256 bytes, without paths and keys. It does
// nothing when the ceremony has failed already, or has passed its last barrier.
func (c *Ceremony) Abort(reason error) {
	if reason == nil {
		reason = errors.New("no reason given")
	}
	kind := roster.Aborted
	if errors.Is(reason, ErrStopped) {
		kind = roster.Stopped
	}
	c.fail(kind, reason)
}

func (c *Ceremony) fail(kind roster.Kind, reason error) {
	now := c.lock()
	if c.roster.Phase() == roster.Connecting && kind == roster.Stopped {
		c.quiet = true // nobody is told: the others go on waiting for us
	}
	if c.roster.Fail(now, roster.Failure{Kind: kind, Culprit: c.self, By: c.self}) {
		c.nested = reason
	}
	c.settle(now)
	c.mu.Unlock()
	c.flush()
}

// Close leaves the ceremony and ends its streams. Before step 1 nobody is told,
// and the others go on waiting for this node; afterwards it is an Abort with
// ErrStopped; after the last barrier the goodbyes come first. It waits for
// everything that the ceremony has started, until ctx ends. Closing twice does
// nothing.
func (c *Ceremony) Close(ctx context.Context) error {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.fail(roster.Stopped, ErrStopped) // does nothing after the last barrier
	c.mu.Lock()
	farewell := c.roster.Farewell()
	c.mu.Unlock()
	grace := lastWords
	if farewell {
		c.awaitFarewell(ctx)
	} else {
		began := time.Now()
		c.awaitTold(ctx)
		grace = min(lastWords, tellFor-time.Since(began))
	}
	c.closeOnce.Do(func() {
		c.opening.Lock() // what is being opened is opened first, and then closed
		defer c.opening.Unlock()
		c.svc.bury(c)
		c.svc.remove(c)
		c.mu.Lock()
		close(c.closed)
		c.stopTimer()
		c.mu.Unlock()
		for _, p := range c.others() {
			c.svc.addrs.remove(p.ID, p.Addrs)
		}
	})
	err := c.endStreams(ctx, grace)
	c.flushAll()
	c.closedOnce.Do(c.report.Closed)
	return err
}

// awaitFarewell waits for the goodbyes: for GoodbyeTimeout, and for half of the
// time that ctx has left. The rest is for ending what a mute member leaves open.
func (c *Ceremony) awaitFarewell(ctx context.Context) {
	patience := c.svc.cfg.GoodbyeTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.finish(c.waitError(ctx, barrierShutdown, 0))
	}
}

// awaitTold waits until every client has told the failure and every server has
// answered with it, or the time for it is over.
func (c *Ceremony) awaitTold(ctx context.Context) {
	var ends []<-chan struct{}
	for _, cl := range c.members {
		if cl != nil && cl.started.Load() {
			ends = append(ends, cl.ended)
		}
	}
	for _, in := range c.resetInbounds(func(*inboundState) bool { return false }) {
		ends = append(ends, in.done)
	}
	for _, end := range ends {
		select {
		case <-end:
		case <-c.live.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// lastWordsUntil is when whoever has said the last frame of a stream stops
// waiting for the other side to end it.
func (c *Ceremony) lastWordsUntil(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := now.Add(lastWords)
	if now.Before(c.toldBy) && c.toldBy.Before(until) {
		return c.toldBy
	}
	return until
}

// endStreams ends what is left of the ceremony's streams and waits for it. A
// stream that has said its last word gets a grace for it to arrive.
func (c *Ceremony) endStreams(ctx context.Context, grace time.Duration) error {
	c.endLive()
	ending := c.resetInbounds(func(s *inboundState) bool { return !s.ending })
	arriving, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for _, in := range ending {
		select {
		case <-in.done:
		case <-arriving.Done():
		}
	}
	left := c.resetInbounds(func(*inboundState) bool { return true })
	for _, in := range left {
		select {
		case <-in.done:
		case <-ctx.Done():
			return fmt.Errorf("closing the ceremony: the stream of %s has not ended: %w", operator(c.index(in.remote), c.def.Peers[c.index(in.remote)]), ctx.Err())
		}
	}
	for i, cl := range c.members {
		if cl == nil || !cl.started.Load() {
			continue
		}
		select {
		case <-cl.ended:
		case <-ctx.Done():
			return fmt.Errorf("closing the ceremony: the stream to %s has not ended: %w", operator(i, c.def.Peers[i]), ctx.Err())
		}
	}
	return nil
}

// resetInbounds resets the streams that a function picks, and returns all.
func (c *Ceremony) resetInbounds(pick func(*inboundState) bool) []*inbound {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*inbound, 0, len(c.inbounds))
	for _, state := range c.inbounds {
		all = append(all, state.in)
		if pick(state) {
			state.in.reset(network.StreamShutdown)
		}
	}
	return all
}

// endTelling ends the streams of a failed ceremony. It stays open, and answers
// whoever comes back, until it is closed.
func (c *Ceremony) endTelling() {
	c.endLive()
	c.resetInbounds(func(*inboundState) bool { return true })
}

// Definition returns the ceremony's definition.
func (c *Ceremony) Definition() Definition { return c.def.clone() }

// Done is closed when the ceremony is complete or has failed.
func (c *Ceremony) Done() <-chan struct{} { return c.done }

// Err returns why the ceremony has failed, and nil while it has not.
func (c *Ceremony) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Context returns a context that ends with parent, and with the failure of the
// ceremony, which is then its cause ([context.Cause]). It does not end when the
// ceremony completes. Cancel releases what it holds.
func (c *Ceremony) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(c.failed, func() { cancel(context.Cause(c.failed)) })
	if c.failed.Err() != nil {
		cancel(context.Cause(c.failed))
	}
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}
