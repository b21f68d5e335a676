package stream

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
)

// While attempts keep failing, they are reported every reportEvery. A report is
// prominent if the client has been trying for twice as long as at the last prominent
// report, or if reportLongest has passed since that report.
const (
	reportEvery   = 30 * time.Second
	reportLongest = 5 * time.Minute
)

// client keeps a stream to one member, for one ceremony. Its goroutine opens the stream
// and reads the responses. Any goroutine may write requests on it, through
// [client.say].
type client struct {
	set   *CeremonyClients
	index int // operator index of the member
	id    peer.ID

	due     atomic.Uint32            // what to send besides a new announcement: a sum of due… constants
	current atomic.Pointer[outbound] // the stream to write on; nil while there is none

	wake  chan struct{} // an abort was announced: stop waiting for a stream
	hint  chan struct{} // the member may be reachable now
	told  chan struct{} // closed when the member has heard an abort, or can no longer hear it
	ended chan struct{} // closed when the client has ended
	made  atomic.Bool   // this client made the connection to the member

	toldOnce sync.Once

	attempts // only the client's goroutine uses these
}

// attempts are the attempts to get the next stream.
type attempts struct {
	backoff *backoff.ExponentialBackOff
	since   time.Time     // when the client began to try
	from    time.Time     // start of the slice that is not reported yet
	seen    time.Duration // how long it had been trying at the last prominent report
	count   int
	lost    string       // why the previous stream was lost
	before  report.Span  // that stream
	failure End          // why the last attempt failed; its Reason is empty if no attempt has failed
	dials   reason.Dials // why the last dials failed

	undialled bool // the last attempt failed at dialling
}

func newClient(s *CeremonyClients, index int) *client {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = s.half.cfg.BackoffMin
	b.MaxInterval = s.half.cfg.BackoffMax
	b.Multiplier = 2
	b.RandomizationFactor = backoffJitter
	return &client{
		set: s, index: index, id: s.ceremony.Terms().Members[index].ID, attempts: attempts{backoff: b},
		wake: make(chan struct{}, 1), hint: make(chan struct{}, 1),
		told: make(chan struct{}), ended: make(chan struct{}),
	}
}

func (cl *client) cfg() *Config { return cl.set.half.cfg }

// telling reports whether an abort is announced. An abort goes out only on streams that
// exist already: a new stream could reach a new attempt of the member.
func (cl *client) telling() bool { return cl.set.ceremony.Announcement().Abort != "" }

// run connects to the member and sends what there is to say. It ends when nothing is
// left to say, when its streams are ended or when the host is closed. It never gives up
// because an attempt failed.
func (cl *client) run() {
	defer close(cl.ended)
	defer cl.markTold()
	defer cl.report(ReportOver, 0)
	ctx := cl.set.ctx
	cl.trying(time.Now(), End{}, nil)
	cl.wait(ctx, cl.dialJitter())
	for ctx.Err() == nil {
		if cl.telling() {
			return
		}
		stream, err := cl.connect(ctx)
		var end End
		switch {
		case err != nil:
			end = End{Reason: report.EndLost, Err: err, Unopened: true}
			cl.unopened(end)
			if reason.IsClosed(err) {
				cl.set.ceremony.HostClosed()
				return
			}
		case stream == nil:
			end = cl.look(ctx)
		default:
			end = cl.converse(ctx, newOutbound(cl, stream))
		}
		if ctx.Err() != nil || end.finished() {
			return
		}
		cl.wait(ctx, cl.backoff.NextBackOff()+cl.tieBreak())
	}
}

// markTold notes that the member has heard the abort of this node, or can no longer
// hear it.
func (cl *client) markTold() { cl.toldOnce.Do(func() { close(cl.told) }) }

// trying notes when the client began to want a new stream, and how the previous stream
// ended.
func (cl *client) trying(since time.Time, end End, before report.Span) {
	cl.since, cl.from, cl.seen = since, since, 0
	cl.lost, cl.before = end.Reason, before
}

// reached notes that the member has answered.
func (cl *client) reached(at time.Time, relayed bool) {
	cl.backoff.Reset()
	done := cl.attempted(at)
	done.Count, done.Relayed = cl.count+1, relayed
	cl.set.ceremony.Reached(done)
	cl.count, cl.failure = 0, End{}
	cl.dials.Forget()
}

// unopened notes that no stream could be opened.
func (cl *client) unopened(end End) {
	// While a host pauses after a failed dial, its error says only that it pauses. If this
	// client has seen an earlier failure, that failure says more. If this client has not, the
	// failed dial was for somebody else, and no better error is known.
	if dial, ok := errors.AsType[*reason.Dial](end.Err); ok && dial.Pausing() && cl.failure.Reason != "" {
		end = cl.failure
	}
	cl.unreached(end)
}

// unreached notes that the member could not be reached.
func (cl *client) unreached(why End) {
	cl.count++
	cl.failure = why
	cl.set.ceremony.Unreached(cl.index, why)
	trying := time.Since(cl.since)
	how := ReportNew
	if trying < min(2*cl.seen, cl.seen+reportLongest) {
		how = ReportAgain
	}
	if cl.report(how, reportEvery) && how == ReportNew {
		cl.seen = trying
	}
}

// report reports that attempts keep failing, if they have failed for at least the given
// time since the last report. It returns whether it did.
func (cl *client) report(how Report, after time.Duration) bool {
	now := time.Now()
	if cl.failure.Reason == "" || now.Sub(cl.from) < after {
		return false
	}
	cl.set.ceremony.StillUnreached(cl.attempted(now), how)
	cl.from = now
	return true
}

func (cl *client) attempted(until time.Time) Attempts {
	return Attempts{
		Member: cl.index, Since: cl.since, From: cl.from, Until: until, Count: cl.count,
		Lost: cl.lost, Before: cl.before, Why: cl.failure,
	}
}
