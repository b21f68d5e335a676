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

// Config is what both halves know of their host and of its owner's settings.
type Config struct {
	Host     host.Host
	Protocol protocol.ID
	Observe  protocol.ID // what those say that only look, and serve no less than the protocol
	Service  string      // names our scope in the host's resource manager, and our tags

	Heartbeat              time.Duration
	ExchangeTimeout        time.Duration
	OpenGrace              time.Duration
	BackoffMin, BackoffMax time.Duration
	MaxFrame               int // bytes

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

// readTimeout is how long a server waits for the next request of a stream.
func (c *Config) readTimeout() time.Duration { return max(3*c.Heartbeat, c.ExchangeTimeout) }

// Ceremony is a ceremony as its streams know it. Its methods do not block and are
// safe for concurrent use.
type Ceremony interface {
	// Terms returns what never changes.
	Terms() *Terms
	// Announcement returns what this node has to say now.
	Announcement() *Announcement
	// View returns how this node sees the members now. It is another one after each
	// change.
	View() *View
	// Late returns the answers of the ceremony that wait.
	Late() *Late
	// Inbound registers a stream that a member has opened. It returns false once
	// the ceremony is closed.
	Inbound(Opening) (InboundFacts, bool)
	// Outbound registers a stream that this node has opened to a member.
	Outbound(Opening) OutboundFacts
	// Sight registers that this node's host is connected with a member that it has no
	// stream to: for a ceremony that only looks.
	Sight(Opening) SightFacts
	// Reached notes that a member has answered on a new stream.
	Reached(Attempts)
	// Unreached notes that an attempt to reach a member has failed.
	Unreached(member int, why End)
	// StillUnreached reports attempts that keep failing.
	StillUnreached(Attempts, Report)
	// Awaits reports whether a foreign member that signs no definition that is open
	// here can only mean this ceremony: it is still connecting and the member has not
	// connected, or it has failed.
	Awaits(member int) bool
	// Told returns a channel that closes when a member has heard why this ceremony
	// has failed, or cannot hear it.
	Told(member int) <-chan struct{}
	// Closed returns a channel that closes when the ceremony is no longer open.
	Closed() <-chan struct{}
	// Refused notes that this node's own host has no room for a stream that a member
	// has opened.
	Refused(member int, why error)
	// HostClosed notes that this node's own host is closed.
	HostClosed()
	// Broken notes that a goroutine of a stream has panicked.
	Broken(error)
}

// InboundFacts takes the facts of one stream that a member has opened.
type InboundFacts interface {
	// Request brings a request.
	Request(roster.Request, Ahead) roster.Verdict
	// Repeated brings a request that says what the last accepted one said. It
	// returns false when the request has to be judged anew.
	Repeated(Ahead) bool
	// Refusal returns what a refused request is answered with, and the error that
	// the refusal stands for, if it is not the ceremony's own failure.
	Refusal(*roster.Failure) (text string, err error)
	// Waiting returns why a request that is greeted does not count yet, for the
	// member's operator; empty when it only has to be made again.
	Waiting(roster.Verdict) (text string)
	// View notes how the member sees all members, as it says with a request that
	// counts. It is not trusted.
	View(bits []byte)
	// Link notes the trace context that the member has sent. It is not trusted.
	Link(traceparent string)
	// Answered counts a request that was answered.
	Answered()
	// Down notes that the stream has ended.
	Down(End)
}

// Ahead is how far the time that a request carries was ahead of this node's clock when
// the request arrived. The zero value is a request without a time.
type Ahead struct {
	By    time.Duration
	Known bool
}

func aheadOf(now, sent time.Time, ok bool) Ahead {
	if !ok {
		return Ahead{}
	}
	return Ahead{By: sent.Sub(now), Known: true}
}

// OutboundFacts takes the facts of one stream that this node has opened.
type OutboundFacts interface {
	report.Span
	// Response brings the response to the oldest unanswered request. With
	// [roster.Refused], the error says what the ceremony failed with.
	Response(roster.Response) (roster.Reply, error)
	// Addressee returns the session of the member's process that has answered last, 0
	// while none has.
	Addressee() uint64
	// Traceparent returns the trace context to send, once there is one.
	Traceparent() string
	// Down notes that the stream has ended.
	Down(End)
}

// SightFacts takes the facts of a member that is looked at.
type SightFacts interface {
	report.Span
	// Seen brings that the member's host is there: after which round trip, 0 where that
	// is not known, and whether it serves the protocol.
	Seen(rtt time.Duration, serves bool)
	// Down notes that the host is not connected with the member any more.
	Down(End)
}

// Opening is how a stream began.
type Opening struct {
	Member  int // operator index
	ID      roster.StreamID
	Relayed bool
	At      time.Time
}

// Attempts are the attempts to get a stream to a member.
type Attempts struct {
	Member  int       // operator index
	Since   time.Time // of the first
	From    time.Time // since when they have not been reported
	Until   time.Time
	Count   int
	Relayed bool        // the stream that was answered runs through a relay
	Lost    string      // why the stream before was lost, one of the report.End constants; empty for the first
	Before  report.Span // that stream
	Why     End         // why the last attempt failed
}

// Report says how prominent the report of failing attempts is.
type Report int

// The reports of failing attempts.
const (
	ReportNew   Report = iota // to be seen
	ReportAgain               // there was one not long ago
	ReportOver                // the client ends before it has reached the member
)

// Terms are what a ceremony is about and what this node says of itself in it.
// They never change.
type Terms struct {
	Hash      []byte          // the definition hash
	Members   []peer.AddrInfo // every member, in operator order
	Self      int             // this node's operator index
	Observes  bool            // this node only looks: it opens no stream of the protocol
	Session   uint64
	Signature []byte // of the hash, by this node
	Digest    []byte // of the members and their order
	Version   string
	Nickname  string

	index map[peer.ID]int
	list  [sha256.Size]byte // of the members and their order: Digest begins it
}

// Index returns the operator index of another member, -1 for everybody else.
func (t *Terms) Index(id peer.ID) int {
	if i := t.Operator(id); i != t.Self {
		return i
	}
	return -1
}

// Operator returns the operator index of a member, this node included, -1 for
// everybody else.
func (t *Terms) Operator(id peer.ID) int {
	if i, ok := t.index[id]; ok {
		return i
	}
	return -1
}

// NewTerms completes terms, which are not to be changed any more.
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

// AttemptDigest returns the digest of an attempt, by the sessions of its members in
// operator order.
func AttemptDigest(sessions []uint64) (digest [digestSize]byte) {
	var list []byte
	for _, session := range sessions {
		list = binary.LittleEndian.AppendUint64(list, session)
	}
	sum := sha256.Sum256(list)
	copy(digest[:], sum[:])
	return digest
}

// Announcement is what this node has to say to every member, until there is
// another.
type Announcement struct {
	Step    int64
	Goodbye bool
	Abort   string // not empty: the ceremony has failed for this reason
	Culprit []byte // peer ID of the member that the reason is about
	// Reporter is the peer ID of the member that first brought the reason, if that is
	// neither this node nor the culprit.
	Reporter []byte
	Attempt  []byte // which attempt this node is in, from step 2 on
	// Result and Attestation are what this node attests, from the last barrier on. With
	// Abort, a Result that is not nil says that the members attest different ones.
	Result, Attestation []byte
	Until               time.Time // with Abort: when the telling ends

	frame []byte // the same for every stream: encoded once
}

// View is how this node sees the members, as it is sent. It never changes.
type View struct{ Bits []byte }

// NewAnnouncement makes an announcement ready to be sent.
func (t *Terms) NewAnnouncement(a Announcement, now time.Time) *Announcement {
	a.frame = appendRequest(nil, t.request(&a, now))
	return &a
}

// request is the request that makes an announcement.
func (t *Terms) request(a *Announcement, now time.Time) *syncpb.SyncRequest {
	return &syncpb.SyncRequest{
		Timestamp: timestamppb.New(now), HashSignature: t.Signature, Shutdown: a.Goodbye, Version: t.Version,
		Step: a.Step, Nickname: t.Nickname, SessionId: t.Session, Abort: a.Abort, Culprit: a.Culprit,
		Reporter: a.Reporter, Attempt: a.Attempt, Result: a.Result, Attestation: a.Attestation,
	}
}

// appendRequest makes a frame of a request of ours, whose texts have been checked.
func appendRequest(dst []byte, r *syncpb.SyncRequest) []byte {
	frame, err := wire.AppendRequest(dst, r)
	if err != nil {
		panic(fmt.Sprintf("dkgsync: a request of our own cannot be encoded: %v", err))
	}
	return frame
}
