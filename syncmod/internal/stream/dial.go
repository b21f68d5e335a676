package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
)

const (
	backoffJitter = 0.2

	// The first dial waits for a random time of up to jitterPerMember for each member, at most jitterLongest.
	jitterPerMember = time.Millisecond
	jitterLongest   = 250 * time.Millisecond

	// Of two members the one with the higher index waits tieBreakPerMember longer for each member, at most
	// tieBreakLongest; and for its first dial as long again after each member that has connected meanwhile, at most
	// tieBreakCrowd.
	tieBreakPerMember = 10 * time.Millisecond
	tieBreakLongest   = time.Second
	tieBreakCrowd     = 5 * time.Second

	why = "dkg sync" // this module's reason for streams, in libp2p's words
)

// dialJitter is the pause before the first dial.
func (cl *client) dialJitter() time.Duration {
	members := len(cl.set.members)
	longest := min(time.Duration(members)*jitterPerMember, jitterLongest)
	return rand.N(longest+1) + cl.tieBreak()
}

// tieBreak is what a member adds to a pause before it dials. Of two members the
// one with the lower index dials first, and the other finds the connection there:
// when both dial at the same moment, TCP makes one connection of it on which
// both are clients, and neither can use it.
func (cl *client) tieBreak() time.Duration {
	if cl.set.ceremony.Terms().Self < cl.index || cl.reachable() {
		return 0
	}
	return min(time.Duration(len(cl.set.members))*tieBreakPerMember, tieBreakLongest)
}

// tieBreakLeft is how much longer a member waits for the other to dial it: while others
// still connect, many handshakes may be all that keeps the other. One that cannot dial
// is waited for no longer than the others take.
func (cl *client) tieBreakLeft(now time.Time) time.Duration {
	if cl.count > 0 || cl.lost != "" {
		return 0
	}
	met := time.Unix(0, cl.set.met.Load())
	return min(met.Add(cl.tieBreak()).Sub(now), cl.since.Add(tieBreakCrowd).Sub(now))
}

// wait pauses for d. It returns early when the member may be reachable now, and when
// an abort is announced.
func (cl *client) wait(ctx context.Context, d time.Duration) {
	if cl.reachable() && cl.count == 0 && cl.lost == "" {
		return // nothing to wait for: the connection is there
	}
	select {
	case <-cl.hint: // a stale hint: ignore it unless the member really is reachable
		if cl.undialled && cl.reachable() {
			return
		}
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !cl.telling() {
		select {
		case now := <-timer.C:
			left := cl.tieBreakLeft(now)
			if left <= 0 {
				return
			}
			timer.Reset(left)
		case <-cl.hint:
			return
		case <-cl.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (cl *client) reachable() bool {
	state := cl.cfg().Host.Network().Connectedness(cl.id)
	return state == network.Connected || state == network.Limited
}

// connect opens a stream to the member, through whatever path works. A
// connection that the member makes meanwhile is as good as ours. A ceremony that only
// looks opens none to a member that does not serve those who look: then it is nil.
func (cl *client) connect(ctx context.Context) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, cl.cfg().ExchangeTimeout)
	defer cancel()
	ctx = network.WithAllowLimitedConn(ctx, why)
	cl.undialled = false
	dials := !cl.reachable()
	if dials {
		if err := cl.dial(ctx); err != nil && !cl.reachable() {
			cl.undialled = true
			return nil, err
		}
		cl.made.Store(cl.hasDialled())
	}
	if !cl.speaks() {
		return nil, nil
	}
	stream, err := cl.cfg().Host.NewStream(network.WithNoDial(ctx, why), cl.id, cl.protocol())
	switch {
	case errors.Is(err, context.DeadlineExceeded) && cl.crowded():
		return nil, fmt.Errorf("%w: %w", reason.ErrCrowded, err)
	case err != nil && dials:
		return nil, cl.dials.Unopened(err)
	}
	return stream, err
}

// hasDialled reports whether this host has made a connection with the member. That the
// dial was cut short by the member's own does not tell.
func (cl *client) hasDialled() bool {
	return slices.ContainsFunc(cl.cfg().Host.Network().ConnsToPeer(cl.id), func(conn network.Conn) bool {
		return conn.Stat().Direction == network.DirOutbound
	})
}

// crowded reports whether a connection to the member has all the streams that QUIC
// allows, or nearly so: others come and go.
func (cl *client) crowded() bool {
	const nearly = 250 // of 256
	for _, conn := range cl.cfg().Host.Network().ConnsToPeer(cl.id) {
		if strings.HasPrefix(conn.ConnState().Transport, "quic") && len(conn.GetStreams()) >= nearly {
			return true
		}
	}
	return false
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
			case <-cl.wake: // the first frame makes the newest announcement anyway
				if cl.telling() {
					cancel()
					return
				}
			case <-dialled:
				return
			}
		}
	}()
	// With the addresses of the definition: what the host knew by itself, it may have forgotten.
	if err := cl.cfg().Host.Connect(ctx, cl.set.ceremony.Terms().Members[cl.index]); err != nil {
		return cl.failed(ctx, err)
	}
	return nil
}
