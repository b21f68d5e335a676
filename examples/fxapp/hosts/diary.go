package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	pbv2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	"github.com/multiformats/go-multistream"
	"github.com/sirupsen/logrus"
)

// repeat is how often the log repeats a lasting problem of a relay.
const repeat = time.Minute

// diary logs the state of a relay. It logs each change, and repeats a lasting problem once a
// minute.
type diary struct {
	relay   string
	log     *logrus.Entry
	trouble string // the last problem that was logged, or empty
	at      time.Time
	begun   bool
}

func (d *diary) enter(held []reservation, err error) {
	if err == nil {
		if d.trouble != "" || !d.begun {
			d.log.WithFields(limitsOf(held)).Infof(
				"relay %s: the other members can reach this node through it", d.relay)
		}
		d.begun, d.trouble = true, ""
		return
	}
	trouble := reason(err)
	if trouble == d.trouble && time.Since(d.at) < repeat {
		return
	}
	d.begun, d.trouble, d.at = true, trouble, time.Now()
	d.log.Warnf("relay %s cannot be used and will be tried again: %s", d.relay, trouble)
}

// limitsOf returns the limits of the relays' circuits for the log.
func limitsOf(held []reservation) logrus.Fields {
	fields := logrus.Fields{}
	for _, r := range held {
		if r.limit > 0 {
			fields["circuit_time"] = r.limit
		}
		if r.bytes > 0 {
			fields["circuit_bytes"] = r.bytes
		}
	}
	return fields
}

// reason says in one line why a relay cannot be used.
func reason(err error) string {
	var said []string
	for _, err := range parts(err) {
		if text := reasonOf(err); !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, "; ")
}

// parts splits an error into the errors of several relays or of several addresses.
func parts(err error) []error {
	if d, ok := errors.AsType[*swarm.DialError](err); ok && len(d.DialErrors) > 0 {
		var each []error
		for i := range d.DialErrors {
			each = append(each, &d.DialErrors[i])
		}
		return each
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		var each []error
		for _, err := range joined.Unwrap() {
			each = append(each, parts(err)...)
		}
		return each
	}
	return []error{err}
}

func reasonOf(err error) string {
	if t, ok := errors.AsType[*swarm.TransportError](err); ok {
		return fmt.Sprintf("%s: %s", t.Address, cause(t.Cause))
	}
	return cause(err)
}

func cause(err error) string {
	if refused, ok := errors.AsType[client.ReservationError](err); ok {
		switch refused.Status {
		case pbv2.Status_CONNECTION_FAILED: // see below
		case pbv2.Status_RESERVATION_REFUSED:
			return "it refuses a reservation: it has no room for another node, or no room for another node at " +
				"this address"
		case pbv2.Status_PERMISSION_DENIED:
			return "it refuses a reservation: it does not serve this node"
		default:
			return fmt.Sprintf("it refuses a reservation: %s (%s)", refused.Status, refused.Reason)
		}
	}
	if _, ok := errors.AsType[multistream.ErrNotSupported[protocol.ID]](err); ok {
		return "the host at its address is not a relay"
	}
	if other, ok := errors.AsType[sec.ErrPeerIDMismatch](err); ok {
		return fmt.Sprintf("another host, %s, is at its address: correct the peer ID", other.Actual)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the log has the URL already
	}
	if o, ok := errors.AsType[*net.OpError](err); ok {
		err = o.Err // leaves out the local port
	}
	if s, ok := errors.AsType[*os.SyscallError](err); ok {
		err = s.Err
	}
	return short(err.Error())
}

// short cuts a text, so that a stranger's text cannot fill the log.
func short(text string) string {
	const enough = 200 // characters
	if characters := []rune(text); len(characters) > enough {
		return string(characters[:enough]) + "…"
	}
	return text
}
