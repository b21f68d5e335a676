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

	// The first dial waits for a random time of up to jitterPerMember times the number of members, at most
	// jitterLongest.
	jitterPerMember = time.Millisecond
	jitterLongest   = 250 * time.Millisecond

	// Of two members, the one with the higher index waits longer: by tieBreakPerMember times the number of members, at
	// most tieBreakLongest. Before its first dial, it starts this wait again each time another member connects. All
	// these waits together last at most tieBreakCrowd.
	tieBreakPerMember = 10 * time.Millisecond
	tieBreakLongest   = time.Second
	tieBreakCrowd     = 5 * time.Second

	why = "dkg sync" // the reason that this package gives libp2p for its streams
)

// dialJitter returns the pause before the first dial.
func (cl *client) dialJitter() time.Duration {
	members := len(cl.set.members)
	longest := min(time.Duration(members)*jitterPerMember, jitterLongest)
	return rand.N(longest+1) + cl.tieBreak()
}

// tieBreak returns what this node adds to a pause before it dials. Of two members, the
// one with the lower index dials first, and the other then finds the connection. If
// both dial at the same moment, TCP makes one connection on which both are clients, and
// neither can use it.
func (cl *client) tieBreak() time.Duration {
	if cl.set.ceremony.Terms().Self < cl.index || cl.reachable() {
		return 0
	}
	return min(time.Duration(len(cl.set.members))*tieBreakPerMember, tieBreakLongest)
}

// tieBreakLeft returns how much longer this node waits for the member to dial it. While
// members are still connecting, the member may simply be busy with many handshakes. If
// the member cannot dial at all, this wait ends soon after the others have connected.
func (cl *client) tieBreakLeft(now time.Time) time.Duration {
	if cl.count > 0 || cl.lost != "" {
		return 0
	}
	met := time.Unix(0, cl.set.met.Load())
	return min(met.Add(cl.tieBreak()).Sub(now), cl.since.Add(tieBreakCrowd).Sub(now))
}

// wait pauses for d. It returns early when the member may be reachable now, when an
// abort is announced and when ctx ends.
func (cl *client) wait(ctx context.Context, d time.Duration) {
	if cl.reachable() && cl.count == 0 && cl.lost == "" {
		return // nothing to wait for: there is a connection
	}
	select {
	case <-cl.hint: // a stale hint: ignore it unless the last dial failed and the member is reachable now
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

// connect opens a stream to the member, on any path that works. A connection that the
// member makes meanwhile is as good as one that this host makes. In a ceremony that
// only looks, this function returns nil if the member does not serve observers.
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

// hasDialled reports whether this host made a connection to the member. The result of a
// dial does not show that: a connection that the member makes cuts the dial short.
func (cl *client) hasDialled() bool {
	return slices.ContainsFunc(cl.cfg().Host.Network().ConnsToPeer(cl.id), func(conn network.Conn) bool {
		return conn.Stat().Direction == network.DirOutbound
	})
}

// crowded reports whether a QUIC connection to the member has as many streams as QUIC
// allows, or almost. Almost is enough, because other streams come and go.
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
		<-gone // otherwise the goroutine could take a wake-up that comes later
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
			case <-cl.wake: // without an abort, go on: the first frame has the newest announcement anyway
				if cl.telling() {
					cancel()
					return
				}
			case <-dialled:
				return
			}
		}
	}()
	// Pass the addresses of the definition: the host may have forgotten those that it knew.
	if err := cl.cfg().Host.Connect(ctx, cl.set.ceremony.Terms().Members[cl.index]); err != nil {
		return cl.failed(ctx, err)
	}
	return nil
}
