package dkg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

const (
	// fetchTimeout is how long a member may take to give its message. The member has made
	// the message by then, so only a lost connection takes time. The timeout is longer
	// than a member may be gone (syncmod.Config.PeerTimeout, one minute). So all nodes
	// blame the member that is gone. With a shorter timeout, they could blame the node
	// that is the first to give up.
	fetchTimeout = 90 * time.Second
	// tryTimeout bounds one try, because a dead connection reports no error.
	tryTimeout = 5 * time.Second
	// fetchPause is the time between two tries.
	fetchPause = 100 * time.Millisecond
)

// maxMessage returns the largest size of a message among n members, in bytes.
func maxMessage(n int) int { return 4<<10 + n<<11 }

// Errors of a try, besides those of libp2p.
var (
	errTooLarge = errors.New("too large")
	errNotMade  = errors.New("it has made none in this attempt")
	errSilent   = errors.New("no answer")
	errOwnHost  = errors.New("this node's host") // no member is to blame for it
)

// fetchAll fetches the messages of all members in a phase at the same time, and takes
// this node's own. It returns the bodies by operator index, and notes who gave what.
func fetchAll[B body](ctx context.Context, a *attempt, p phase, empty func() B) ([]B, error) {
	bodies := make([]B, len(a.members))
	given := make([]seen, len(a.members))
	all, one := errgroup.WithContext(ctx)
	for i := range a.members {
		bodies[i] = empty()
		all.Go(func() error {
			text, err := a.fetch(one, p, i)
			if err != nil {
				return err
			}
			given[i], err = a.open(p, i, text, bodies[i])
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	a.given[p] = given
	return bodies, nil
}

// fetch fetches a member's message of a phase. It tries again until the timeout.
func (a *attempt) fetch(ctx context.Context, p phase, member int) ([]byte, error) {
	if member == a.self {
		return a.generator.message(a, p), nil
	}
	timeout := a.generator.timeout
	trying, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last error
	for {
		text, err := a.generator.read(trying, p, a.members[member].ID)
		switch {
		case err == nil:
			return text, nil
		case errors.Is(err, errTooLarge):
			return nil, a.blame(member, "gave a %s of more than %d KiB", p, maxMessage(len(a.members))>>10)
		}
		if last == nil || trying.Err() == nil {
			last = err // if the timeout ends this try, the reason of an earlier try is kept
		}
		select {
		case <-time.After(fetchPause):
			continue
		case <-trying.Done():
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx) // the ceremony has failed, or another member's message could not be fetched
		}
		if errors.Is(last, errOwnHost) {
			return nil, fmt.Errorf("the %s of %s could not be fetched within %s: %w", p, a.name(member), timeout, last)
		}
		blame := a.blame(member, "gave no %s within %s", p, timeout)
		blame.err = last
		return nil, blame
	}
}

// read tries once to read a member's message of a phase.
func (g *Generator) read(ctx context.Context, p phase, from peer.ID) (text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	// A relayed connection will do: the messages are small.
	stream, err := g.host.NewStream(network.WithAllowLimitedConn(ctx, serviceName), from, protocols[p])
	switch {
	case errors.Is(err, network.ErrResourceLimitExceeded): // a limit at the member's host gives another error
		return nil, fmt.Errorf("%w: %w", errOwnHost, err)
	case err != nil:
		return nil, fmt.Errorf("not reached: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	defer func() {
		stop()
		_ = stream.Reset() // the stream is read to its end, or is useless
	}()
	limit := maxMessage(len(g.store.definition.Peers))
	release, err := reserve(stream, limit)
	if err != nil {
		return nil, err
	}
	defer release()
	text, err = io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	switch {
	case ctx.Err() != nil:
		return nil, errSilent
	case err != nil:
		return nil, fmt.Errorf("reading: %w", err)
	case len(text) > limit:
		return nil, errTooLarge
	case len(text) == 0:
		return nil, errNotMade
	}
	return text, nil
}
