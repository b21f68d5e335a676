package stream

import (
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// fakeCeremony brings facts to the rules and does nothing with their effects: the
// test is who sees what its streams do.
type fakeCeremony struct {
	t            testing.TB
	terms        *Terms
	announcement *Announcement
	view         *View
	closed       chan struct{}
	late         Late

	mu     sync.Mutex
	roster *roster.Roster
	views  []string // that members have told
}

func newFakeCeremony(t testing.TB, terms *Terms) *fakeCeremony {
	t.Helper()
	version, err := roster.ParseVersion(terms.Version)
	require.NoError(t, err)
	now := time.Now()
	c := &fakeCeremony{
		t: t, terms: terms, announcement: terms.NewAnnouncement(Announcement{}, now), closed: make(chan struct{}),
		view: &View{Bits: make([]byte, (len(terms.Members)+1)/2)},
		roster: roster.New(now, roster.Config{
			Members: len(terms.Members), Self: terms.Self, Session: terms.Session,
			Observes: terms.Observes, Version: version, VersionText: terms.Version,
		}),
	}
	c.roster.Open(now)
	return c
}

func (c *fakeCeremony) Terms() *Terms                   { return c.terms }
func (c *fakeCeremony) Announcement() *Announcement     { return c.announcement }
func (c *fakeCeremony) View() *View                     { return c.view }
func (c *fakeCeremony) Late() *Late                     { return &c.late }
func (c *fakeCeremony) Closed() <-chan struct{}         { return c.closed }
func (c *fakeCeremony) Awaits(int) bool                 { return true }
func (c *fakeCeremony) Told(int) <-chan struct{}        { return c.closed }
func (c *fakeCeremony) Broken(err error)                { c.t.Error(err) }
func (c *fakeCeremony) Refused(_ int, err error)        { c.t.Error(err) }
func (c *fakeCeremony) HostClosed()                     { c.t.Error("the host is closed") }
func (c *fakeCeremony) Reached(Attempts)                {}
func (c *fakeCeremony) Unreached(int, End)              {}
func (c *fakeCeremony) StillUnreached(Attempts, Report) {}

func (c *fakeCeremony) Inbound(o Opening) (InboundFacts, bool) {
	return &fakeFacts{c: c, member: o.Member, id: o.ID}, true
}

func (c *fakeCeremony) Outbound(o Opening) OutboundFacts {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roster.OutboundOpened(o.Member, o.ID, o.Relayed)
	return &fakeFacts{c: c, member: o.Member, id: o.ID}
}

func (c *fakeCeremony) Sight(Opening) SightFacts { panic("it takes part") }

// fakeFacts brings the facts of one stream.
type fakeFacts struct {
	c      *fakeCeremony
	member int
	id     roster.StreamID
}

func (f *fakeFacts) Request(q roster.Request, _ Ahead) roster.Verdict {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	defer f.c.roster.Effects()
	return f.c.roster.Request(time.Now(), f.member, f.id, q)
}

func (f *fakeFacts) Repeated(Ahead) bool {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	return f.c.roster.Repeated(time.Now(), f.member, f.id)
}

func (f *fakeFacts) Response(a roster.Response) (roster.Reply, error) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	defer f.c.roster.Effects()
	return f.c.roster.Response(time.Now(), f.member, f.id, a), nil
}

func (f *fakeFacts) Refusal(*roster.Failure) (string, error) { return "refused", nil }
func (f *fakeFacts) Waiting(roster.Verdict) string           { return "" }
func (f *fakeFacts) View(bits []byte)                        { f.c.views = append(f.c.views, string(bits)) }
func (f *fakeFacts) Link(string)                             {}
func (f *fakeFacts) Answered()                               {}
func (f *fakeFacts) Down(End)                                {}
func (f *fakeFacts) Addressee() uint64                       { return 1 }
func (f *fakeFacts) Traceparent() string                     { return "" }
func (f *fakeFacts) SpanContext() trace.SpanContext          { return trace.SpanContext{} }

// oneCeremony is what is open where one ceremony is.
type oneCeremony struct{ *fakeCeremony }

func (o oneCeremony) Of(peer.ID) (in []Ceremony, open bool, changed <-chan struct{}) {
	return []Ceremony{o.fakeCeremony}, true, o.closed
}

func (o oneCeremony) NotOpen([]Ceremony) string            { return "not open here" }
func (o oneCeremony) Mismatch([]Ceremony, peer.ID, []byte) {}
func (o oneCeremony) Stranger(id peer.ID)                  { o.t.Errorf("a stranger: %s", id) }
