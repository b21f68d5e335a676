package reason

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multistream"
)

// address says why one address failed.
func address(m members, err error) string {
	if isRelayed(err) {
		return explain(relays, m, err).text
	}
	return direct(m, err)
}

// direct says why an address failed when no relay is involved.
func direct(m members, err error) string { return explain(addresses, m, err).text }

// certificateRefused explains a failed handshake or a failed first stream. A TLS client
// has finished its handshake before the server refuses its certificate.
var certificateRefused = Row{
	"its host refuses this host's TLS certificate: this host's clock was more than an hour ahead of the " +
		"other host's clock when this host started; compare the two clocks, set this host's clock right, then " +
		"restart this host",
	Either,
	plain(isCertificateRefused),
}

// addresses are the reasons why an address failed.
var addresses = []Row{
	{
		"this node itself listens there: check its listen address and its key file, then the definition",
		Here, plain(is(swarm.ErrDialToSelf)),
	},
	{"this host has no transport for it", Here, plain(is(swarm.ErrNoTransport))},
	{"this host's connection gater does not allow this address", Here, plain(is(swarm.ErrGaterDisallowedConnection))},
	{"this host filters this address", Here, plain(is(swarm.ErrAddrFiltered))},
	{
		"no address of this kind has answered this host lately, so this one is not tried", Network,
		plain(is(swarm.ErrDialRefusedBlackHole)),
	},
	{"it failed a moment ago; the host waits before it tries again", Nobody, plain(is(swarm.ErrDialBackoff))},
	{"its name does not resolve here (…)", Either, nameError},
	{"another peer answers there (…): correct the address or the definition", Either, otherPeer},
	{ownLimit, Here, limited},
	{"the clocks of the two hosts differ by more than TLS allows: …", Either, otherClock},
	certificateRefused,
	{
		"the two hosts are not in the same private network, or no libp2p host answers there: " +
			"compare the private network keys, and the address", Either, plain(isOtherNetwork),
	},
	{"the two hosts have no security protocol or multiplexer in common", Either, plain(isNotSupported)},
	{"connection refused: nothing listens there", There, plain(is(syscall.ECONNREFUSED))},
	{"no route to it (…)", Network, unroutable},
	{
		"its host refuses the connection: its resource manager has no room, " +
			"or its connection gater does not allow this host", There,
		plain(contains("CONNECTION_REFUSED", "Application error 0x1001", "Application error 0x1007")),
	},
	{
		"its host hangs up during the handshake; possible causes: its resource manager has no room, its " +
			"connection gater does not allow this host, the two are not in the same private network, or their " +
			"clocks differ by more than an hour",
		There, plain(isHangup),
	},
	{"no answer", Network, plain(isTimeout)},
	{"…", Either, otherwise},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func otherPeer(m members, err error) (string, bool) {
	mismatch, ok := errors.AsType[sec.ErrPeerIDMismatch](err)
	if !ok {
		return "", false
	}
	if name := m(mismatch.Actual); name != "" {
		return name + ", " + mismatch.Actual.String(), true
	}
	return mismatch.Actual.String(), true
}

const ownLimit = "this host's resource manager has reached a limit: …; raise it on this host"

// ofAddress matches the errors of the limits for each IP address, which do not wrap
// [network.ErrResourceLimitExceeded].
var ofAddress = regexp.MustCompile(`^(?:conn-\d+: )?(rate of connections|connections per ip|rate) limit exceeded`)

// limited returns which limit of this host's resource manager was reached, and in which
// scope. The error names the scopes from the inside out: the last one reached its
// limit.
func limited(_ members, err error) (string, bool) {
	if byAddress := ofAddress.FindStringSubmatch(err.Error()); byAddress != nil {
		return byAddress[1], true
	}
	if !errors.Is(err, network.ErrResourceLimitExceeded) {
		return "", false
	}
	text := strings.TrimSuffix(err.Error(), network.ErrResourceLimitExceeded.Error())
	parts := strings.Split(strings.TrimSuffix(text, ": "), ": ")
	what := "memory"
	if last := parts[len(parts)-1]; strings.HasPrefix(last, "cannot reserve ") {
		what, parts = strings.TrimPrefix(last, "cannot reserve "), parts[:len(parts)-1]
	}
	if len(parts) == 0 || parts[len(parts)-1] == "" {
		return what, true
	}
	return fmt.Sprintf("%s in the scope %s", what, shorten(withoutPeerIDs(parts[len(parts)-1]), longestAddress)), true
}

// A host makes its TLS certificate when it starts. The certificate is valid from an
// hour before that, for a hundred years.
const certified = time.Hour

var validity = regexp.MustCompile(`current time (\S+) is (before|after) (\S+)`)

func otherClock(_ members, err error) (string, bool) {
	found := validity.FindStringSubmatch(ownWords(err))
	if found == nil {
		return "", false
	}
	const what = "; correct the wrong clock, then restart the host that had it"
	ours, errOurs := time.Parse(time.RFC3339, found[1])
	limit, errLimit := time.Parse(time.RFC3339, strings.TrimRight(found[3], ")];,"))
	if found[2] == "after" || errOurs != nil || errLimit != nil {
		return "this host's is far ahead" + what, true
	}
	if limit.Before(ours) {
		return "", false // the error would contradict itself
	}
	ahead := (limit.Sub(ours) + certified).Round(time.Minute)
	const theirs = "when its host started, its clock was at least %s ahead of this host's clock"
	return fmt.Sprintf(theirs, spell(ahead)) + what, true
}

// spell writes a duration in hours and minutes.
func spell(d time.Duration) string {
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	if minutes == 0 {
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d h %d min", hours, minutes)
}

func isOtherNetwork(err error) bool {
	private, ok := errors.AsType[interface {
		error
		pnet.Error
	}](err)
	return ok && private.IsPNetError() || errors.Is(err, multistream.ErrTooLarge) ||
		errors.Is(err, multistream.ErrIncorrectVersion) ||
		contains("message did not have trailing newline", "varint")(err)
}

// isTelling reports whether the error of a failed handshake says what is wrong. The
// next handshake may fail without saying it: when the other host hangs up, the last
// bytes that it wrote are lost.
func isTelling(err error) bool {
	return validity.MatchString(ownWords(err)) || isCertificateRefused(err) || isOtherNetwork(err)
}

// isCertificateRefused reports whether the other host refused the TLS certificate. Over
// TCP, the error has the text of the TLS alert; over QUIC, it has the number of the
// same alert.
func isCertificateRefused(err error) bool {
	return contains("remote error: tls: bad certificate", "CRYPTO_ERROR 0x12a (remote)")(err)
}

func unroutable(_ members, err error) (string, bool) {
	for _, errno := range []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, errno) {
			return errno.Error(), true
		}
	}
	return "", false
}

func isHangup(err error) bool {
	return isBroken(err) || errors.Is(err, network.ErrReset)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded)
}
