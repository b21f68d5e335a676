package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// Config has the host and its owner's settings, which both halves use.
type Config struct {
	Host     host.Host   // opens and receives the streams
	Protocol protocol.ID // the protocol of the streams
	Observe  protocol.ID // what observers speak; every node of this module serves it beside Protocol
	Service  string      // names the scope in the host's resource manager, and the tags

	Heartbeat              time.Duration // how often an idle stream says something
	ExchangeTimeout        time.Duration // how long a request may wait for its response
	OpenGrace              time.Duration // how long a member may ask for a definition that is not open
	BackoffMin, BackoffMax time.Duration // the first and the longest pause after a failure to reach a member
	MaxFrame               int           // bytes

	streams atomic.Uint64 // hands out stream IDs
}

func (c *Config) nextStream() roster.StreamID { return roster.StreamID(c.streams.Add(1)) }

// reserve accounts for a stream in the host's resource manager.
func (c *Config) reserve(stream network.Stream) error {
	if err := stream.Scope().SetService(c.Service); err != nil {
		return fmt.Errorf("joining the service's resource scope: %w", err)
	}
	if err := stream.Scope().ReserveMemory(c.MaxFrame, network.ReservationPriorityAlways); err != nil {
		return fmt.Errorf("reserving memory for a frame: %w", err)
	}
	return nil
}

// readTimeout returns how long a server waits for the next request of a stream.
func (c *Config) readTimeout() time.Duration { return max(3*c.Heartbeat, c.ExchangeTimeout) }

// Ceremony is a ceremony as its streams know it. Its methods do not block and are safe
// for concurrent use.
type Ceremony interface {
	// Terms returns the terms of the ceremony, which never change.
	Terms() *Terms
	// Announcement returns what this node says now.
	Announcement() *Announcement
	// View returns how this node sees the members now. Each change makes a new View.
	View() *View
	// Late returns the late responses of the ceremony.
	Late() *Late
	// Inbound registers a stream that a member opened. It returns false once the
	// ceremony is closed.
	Inbound(Opening) (InboundFacts, bool)
	// Outbound registers a stream that this node opened to a member.
	Outbound(Opening) OutboundFacts
	// Sight registers that this node's host is connected to a member, without a stream.
	// Only a ceremony that only looks uses it.
	Sight(Opening) SightFacts
	// Reached notes that a member answered on a new stream, or was seen without one.
	Reached(Attempts)
	// Unreached notes that an attempt to reach a member failed.
	Unreached(member int, why End)
	// StillUnreached reports attempts that keep failing.
	StillUnreached(Attempts, Report)
	// Awaits reports whether a member's stream can be for this ceremony, although
	// the member's signature fits no open definition. It is used for foreign members,
	// because their requests do not name the definition. It is true while the ceremony
	// is connecting and has no stream from the member, and once the ceremony has failed.
	Awaits(member int) bool
	// Told returns a channel that closes when a member has heard why this ceremony
	// failed, or can no longer hear it.
	Told(member int) <-chan struct{}
	// Closed returns a channel that closes when the ceremony is no longer open.
	Closed() <-chan struct{}
	// Refused notes that this node's own host had no resources left for a stream that a
	// member opened.
	Refused(member int, why error)
	// HostClosed notes that this node's own host is closed.
	HostClosed()
	// Broken notes that a goroutine of a stream panicked.
	Broken(error)
}

// InboundFacts receives the facts of one stream that a member opened.
type InboundFacts interface {
	// Request passes on a request and returns what to do with it.
	Request(roster.Request, Ahead) roster.Verdict
	// Repeated passes on a request that repeats the last accepted one. It returns false
	// if the request must be judged like any other.
	Repeated(Ahead) bool
	// Refusal returns the text that answers a refused request, and the error behind it.
	// The error is nil if the failure of the ceremony itself is behind the text.
	Refusal(*roster.Failure) (text string, err error)
	// Waiting returns why a request does not count yet, as a text for the member's
	// operator. The text is empty if the member only needs to repeat the request.
	Waiting(roster.Verdict) (text string)
	// View notes how the member sees all members. The bits come with a request that
	// counts. They are not trusted.
	View(bits []byte)
	// Link notes the trace context that the member sent. It is not trusted.
	Link(traceparent string)
	// Answered counts a request that was answered.
	Answered()
	// Down notes that the stream has ended.
	Down(End)
}

// Ahead is how far the timestamp of a request was ahead of this node's clock when the
// request arrived. The zero value stands for a request without a timestamp.
type Ahead struct {
	By    time.Duration // how far; negative: behind
	Known bool          // the request had a timestamp
}

func aheadOf(now, sent time.Time, ok bool) Ahead {
	if !ok {
		return Ahead{}
	}
	return Ahead{By: sent.Sub(now), Known: true}
}

// OutboundFacts receives the facts of one stream that this node opened.
type OutboundFacts interface {
	report.Span
	// Response passes on the response to the oldest unanswered request. If the reply is
	// [roster.Refused], the error is what the ceremony failed with.
	Response(roster.Response) (roster.Reply, error)
	// Addressee returns the session of the member's process that answered last, or 0 if
	// none has answered.
	Addressee() uint64
	// Traceparent returns the trace context to send. It is empty while there is none.
	Traceparent() string
	// Down notes that the stream has ended.
	Down(End)
}

// SightFacts receives the facts of a member that a ceremony only looks at, without a
// stream.
type SightFacts interface {
	report.Span
	// Seen notes that the member's host is connected. The rtt is 0 if it is unknown.
	// Serves says whether the host serves the protocol.
	Seen(rtt time.Duration, serves bool)
	// Down notes that the sight has ended.
	Down(End)
}

// Opening describes how a stream began.
type Opening struct {
	Member  int             // operator index
	ID      roster.StreamID // of the stream
	Relayed bool            // the stream runs through a relay
	At      time.Time       // when the stream was opened
}

// Attempts describes a client's attempts to get a stream to a member.
type Attempts struct {
	Member  int         // operator index
	Since   time.Time   // when they began
	From    time.Time   // start of the slice that is not reported yet
	Until   time.Time   // when they ended, or the end of the slice
	Count   int         // how many there have been
	Relayed bool        // the stream that was answered in the end runs through a relay
	Lost    string      // why the previous stream was lost, one of the report.End constants; empty for the first
	Before  report.Span // the span of that stream
	Why     End         // why the last attempt failed
}

// Report is how prominently failing attempts are reported.
type Report int

// How failing attempts are reported.
const (
	ReportNew   Report = iota // prominently
	ReportAgain               // quietly: a prominent report was made not long ago
	ReportOver                // the client ended without reaching the member
)

// Terms are what a ceremony is about, and what this node says about itself in it. They
// never change.
type Terms struct {
	Hash      []byte          // the definition hash
	Members   []peer.AddrInfo // every member, in operator order
	Self      int             // this node's operator index
	Observes  bool            // this node only looks: it opens no stream of the protocol
	Session   uint64          // this node's session
	Signature []byte          // of the hash, by this node
	Digest    []byte          // of the members and their order
	Version   string          // this node's version
	Nickname  string          // this node's nickname

	index map[peer.ID]int
	list  [sha256.Size]byte // the SHA-256 of the members in their order; Digest is its beginning
}

// Index returns the operator index of another member, and -1 for anyone else.
func (t *Terms) Index(id peer.ID) int {
	if i := t.Operator(id); i != t.Self {
		return i
	}
	return -1
}

// Operator returns the operator index of any member, this node included, and -1 for
// anyone else.
func (t *Terms) Operator(id peer.ID) int {
	if i, ok := t.index[id]; ok {
		return i
	}
	return -1
}

// NewTerms fills in the fields that follow from the others. The terms must not change
// afterwards.
func NewTerms(t Terms) *Terms {
	t.index = make(map[peer.ID]int, len(t.Members))
	list := []byte("dkgsync/members/v1\x00")
	for i, m := range t.Members {
		t.index[m.ID] = i
		list = binary.AppendUvarint(list, uint64(len(m.ID)))
		list = append(list, m.ID...)
	}
	t.list = sha256.Sum256(list)
	t.Digest = t.list[:digestSize:digestSize]
	return &t
}

// digestSize is the size of a digest that members compare, in bytes.
const digestSize = 8

// AttemptDigest returns the digest of an attempt, which follows from the sessions of
// its members in operator order.
func AttemptDigest(sessions []uint64) (digest [digestSize]byte) {
	var list []byte
	for _, session := range sessions {
		list = binary.LittleEndian.AppendUint64(list, session)
	}
	sum := sha256.Sum256(list)
	copy(digest[:], sum[:])
	return digest
}

// Announcement is what this node says to every member until the next announcement.
type Announcement struct {
	Step    int64  // the last step that this node has announced
	Goodbye bool   // this node says goodbye
	Abort   string // if not empty, the ceremony failed for this reason
	Culprit []byte // peer ID of the member that the reason is about
	// Reporter is the peer ID of the member that first reported the reason, unless that
	// is this node or the culprit.
	Reporter []byte
	Attempt  []byte // digest of the attempt that this node is in, from step 2 on
	// Result and Attestation are what this node attests, from the last barrier on. If
	// Abort is set, a Result that is not nil means that the members attested different
	// results.
	Result, Attestation []byte
	Until               time.Time // with Abort: when this node stops telling the members

	frame []byte // encoded once, for all streams
}

// View is how this node sees the members, encoded as it is sent. It never changes.
type View struct{ Bits []byte }

// NewAnnouncement returns an announcement that is ready to be sent.
func (t *Terms) NewAnnouncement(a Announcement, now time.Time) *Announcement {
	a.frame = appendRequest(nil, t.request(&a, now))
	return &a
}

// request returns the request that carries an announcement.
func (t *Terms) request(a *Announcement, now time.Time) *syncpb.SyncRequest {
	return &syncpb.SyncRequest{
		Timestamp: timestamppb.New(now), HashSignature: t.Signature, Shutdown: a.Goodbye, Version: t.Version,
		Step: a.Step, Nickname: t.Nickname, SessionId: t.Session, Abort: a.Abort, Culprit: a.Culprit,
		Reporter: a.Reporter, Attempt: a.Attempt, Result: a.Result, Attestation: a.Attestation,
	}
}

// appendRequest appends the frame of one of this node's own requests. Their texts have
// been checked, so they can be encoded.
func appendRequest(dst []byte, r *syncpb.SyncRequest) []byte {
	frame, err := wire.AppendRequest(dst, r)
	if err != nil {
		panic(fmt.Sprintf("dkgsync: a request of our own cannot be encoded: %v", err))
	}
	return frame
}
