package reason

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
)

// Dial is a failed dial, with the details that the error of the host does not have.
type Dial struct {
	Err    error                 // the error of the host
	Within time.Duration         // the time it had
	Tried  []multiaddr.Multiaddr // the addresses that were known

	causes []cause
	before []cause // earlier causes of addresses that did not answer this time
}

// cause is why one address failed.
type cause struct {
	addr multiaddr.Multiaddr
	err  error
}

// Error returns the text of Err, and says that it is about dialling.
func (d *Dial) Error() string { return "dialling: " + d.Err.Error() }

// Add notes why one address failed.
func (d *Dial) Add(addr multiaddr.Multiaddr, err error) {
	d.causes = append(d.causes, cause{addr, err})
}

// unanswered returns the addresses for which no cause is known.
func (d *Dial) unanswered() (addrs []multiaddr.Multiaddr) {
	for _, a := range d.Tried {
		if !slices.ContainsFunc(d.causes, func(c cause) bool { return c.addr.Equal(a) }) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// Unwrap returns the error of the host.
func (d *Dial) Unwrap() error { return d.Err }

func isDial(err error) bool {
	_, ok := errors.AsType[*Dial](err)
	return ok
}

// Pausing reports whether nothing is known about a dial except that the host pauses
// before it dials again.
func (d *Dial) Pausing() bool {
	if len(d.causes) == 0 {
		return errors.Is(d.Err, swarm.ErrDialBackoff)
	}
	for _, c := range d.causes {
		if !errors.Is(c.err, swarm.ErrDialBackoff) {
			return false
		}
	}
	return true
}

// Dials remembers why the addresses of a member failed, because a host that pauses
// after a failed dial says only that it pauses. The zero value is ready to use.
type Dials struct {
	failed  map[string]error // by address
	refused error            // of the first stream on a new connection, if its host refused this host's certificate
}

// Failed adds to a dial the cause of each address that failed. It includes addresses
// whose name does not resolve, and addresses that the host did not try again.
func (d *Dials) Failed(ctx context.Context, dial *Dial) *Dial {
	if failed, ok := errors.AsType[*swarm.DialError](dial.Err); ok {
		for _, e := range failed.DialErrors {
			dial.Add(e.Address, e.Cause)
		}
	}
	dial.causes = append(dial.causes, unresolved(ctx, dial)...)
	for _, a := range dial.unanswered() {
		if before := d.failed[a.String()]; before != nil {
			dial.before = append(dial.before, cause{a, before})
		}
	}
	for i := range dial.causes {
		c := &dial.causes[i]
		key := c.addr.String()
		before := d.failed[key]
		switch paused := errors.Is(c.err, swarm.ErrDialBackoff); {
		case before != nil && (paused || isHangup(c.err) && isTelling(before)):
			c.err = before
			continue
		case paused:
			continue
		}
		if d.failed == nil {
			d.failed = make(map[string]error)
		}
		d.failed[key] = c.err
	}
	return dial
}

// Unopened returns a fuller error for a stream that could not be opened on a new
// connection. When the other host refuses this host's certificate and hangs up, the
// error about the certificate may be lost. Unopened then returns an earlier error
// that mentions it.
func (d *Dials) Unopened(err error) error {
	if err = (&JustDialled{Err: err}); isCertificateRefused(err) {
		d.refused = err
	} else if d.refused != nil && isHungUp(err) {
		return d.refused
	}
	return err
}

// Knows reports whether the cause of an address is remembered.
func (d *Dials) Knows(addr multiaddr.Multiaddr) bool { return d.failed[addr.String()] != nil }

// Forget forgets the causes, once the member has been reached.
func (d *Dials) Forget() {
	clear(d.failed)
	d.refused = nil
}

// dials are the reasons why a whole dial failed.
var dials = []Row{
	{"this node's own host is closed", Here, plain(isClosed)},
	{"this host's connection gater does not allow it", Here, plain(isGated)},
	{
		"no address of it is known: the definition gives none, and it has not dialled this node", Either,
		plain(isUnaddressed),
	},
	{"no address of it can be dialled from here: …", Either, undiallable},
	{"dial timeout: …", Network, timedOut},
	{"dialling failed a moment ago; the host waits before it dials again", Nobody, plain(isPausing)},
	{"dialling failed: …", Either, allFailed},
}

// IsClosed reports whether an error says that this node's own host is closed.
func IsClosed(err error) bool { return isClosed(err) }

func isClosed(err error) bool { return errors.Is(err, swarm.ErrSwarmClosed) }

// whole returns the error of the dial as a whole.
func whole(err error) error {
	if failed, ok := errors.AsType[*swarm.DialError](err); ok {
		return failed.Cause
	}
	return err
}

func isGated(err error) bool { return errors.Is(whole(err), swarm.ErrGaterDisallowedConnection) }

func isUnaddressed(err error) bool { return errors.Is(whole(err), swarm.ErrNoAddresses) }

func isPausing(err error) bool {
	dial, ok := errors.AsType[*Dial](err)
	return ok && dial.Pausing()
}

func undiallable(m members, err error) (string, bool) {
	dial, ok := errors.AsType[*Dial](err)
	if !ok || !errors.Is(whole(err), swarm.ErrNoGoodAddresses) {
		return "", false
	}
	if len(dial.causes) == 0 {
		return list(dial.Tried) + ": not usable from another machine", true
	}
	return byCause(m, address, dial.causes), true
}

func timedOut(m members, err error) (string, bool) {
	dial, ok := errors.AsType[*Dial](err)
	if !ok || !errors.Is(whole(err), context.DeadlineExceeded) {
		return "", false
	}
	text := "no connection"
	if silent := dial.unanswered(); len(silent) > 0 {
		text += " to " + list(silent)
	}
	text += fmt.Sprintf(" within %g s", dial.Within.Seconds())
	if len(dial.causes) > 0 {
		text += "; " + byCause(m, address, dial.causes)
	}
	if len(dial.before) > 0 {
		text += "; an earlier dial failed: " + byCause(m, address, dial.before)
	}
	return text, true
}

func allFailed(m members, err error) (string, bool) {
	if dial, ok := errors.AsType[*Dial](err); ok && len(dial.causes) > 0 {
		return byCause(m, address, dial.causes), true
	}
	return otherwise(m, err)
}

// byCause says why addresses failed. It puts addresses with the same cause together.
func byCause(m members, explain func(members, error) string, causes []cause) string {
	var texts []string
	of := make(map[string][]multiaddr.Multiaddr)
	for _, c := range causes {
		text := shorten(explain(m, c.err), 2*longestCause)
		if of[text] == nil {
			texts = append(texts, text)
		}
		of[text] = append(of[text], c.addr)
	}
	var parts []string
	for i, text := range texts {
		if i == mostCauses {
			parts = append(parts, fmt.Sprintf("and %d more", len(texts)-i))
			break
		}
		parts = append(parts, list(of[text])+": "+text)
	}
	return strings.Join(parts, "; ")
}

// list lists the first few addresses and counts the others.
func list(addrs []multiaddr.Multiaddr) string {
	var parts []string
	for i, a := range addrs {
		if i == mostAddresses && i < len(addrs)-1 {
			return strings.Join(parts, ", ") + fmt.Sprintf(" and %d more", len(addrs)-i)
		}
		parts = append(parts, shorten(withoutPeerIDs(a.String()), longestAddress))
	}
	return strings.Join(parts, ", ")
}
