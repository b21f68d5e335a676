package syncmod

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multistream"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

const (
	maxReason = 256 // bytes of a reason that is told to others
	maxSaid   = 512 // bytes of a text of a peer that is shown
)

// printable makes a text that somebody else wrote fit for a log, a terminal or
// a page: characters that cannot be printed become '?' and what is longer than
// limit bytes is cut. It returns the text itself when there is nothing to do.
func printable(s string, limit int) string {
	if len(s) > 4*limit {
		s = s[:4*limit] // a megabyte is not even looked at
	}
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
	return cut(s, limit)
}

// cut shortens a text to at most limit bytes and never inside a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	n := max(limit-len(mark), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if n == 0 {
		return ""
	}
	return s[:n] + mark
}

// shownError is an error with a text of its own: as a status shows it, in one line
// and short, or as it was at one moment.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }

// shown makes an error of the network fit for people: the common cases in plain
// words, the others cut to a line.
func shown(err error) error {
	const enough = 160
	text := strings.Join(strings.Fields(err.Error()), " ")
	mismatch, isMismatch := errors.AsType[sec.ErrPeerIDMismatch](err)
	switch {
	case isNotSupported(err):
		text = "its host is up, but it does not run the sync protocol yet"
	case errors.Is(err, swarm.ErrNoAddresses):
		text = "no address of it is known: the definition gives none, and it has not dialled us"
	case errors.Is(err, swarm.ErrNoGoodAddresses):
		text = "no address of it can be dialled from here" + undiallable(err)
	case errors.Is(err, swarm.ErrDialBackoff):
		text = "dialling failed a moment ago, the host pauses before it dials again"
	case errors.Is(err, context.DeadlineExceeded):
		text = "dial timeout"
	case isMismatch:
		text = fmt.Sprintf("another peer has its address: %s answers there, correct the address or the definition",
			mismatch.Actual)
	case errors.Is(err, swarm.ErrAllDialsFailed):
		if failed, ok := errors.AsType[*swarm.DialError](err); ok && len(failed.DialErrors) > 0 {
			text = "dialling failed: " + failed.DialErrors[0].Cause.Error()
		}
	case errors.Is(err, network.ErrNoConn):
		text = "the connection was lost while a stream was being opened"
	}
	return &shownError{text: printable(text, enough), err: err}
}

// undiallable says what is wrong with the first address that was not even tried.
func undiallable(err error) string {
	failed, ok := errors.AsType[*swarm.DialError](err)
	switch {
	case !ok || len(failed.DialErrors) == 0:
		return ": its name does not resolve, or it is of no use on another machine"
	case errors.Is(err, swarm.ErrDialToSelf):
		return fmt.Sprintf(": %s is this node's own", failed.DialErrors[0].Address)
	}
	return fmt.Sprintf(": %s: %s", failed.DialErrors[0].Address, failed.DialErrors[0].Cause)
}

func isNotSupported(err error) bool {
	_, ok := errors.AsType[multistream.ErrNotSupported[protocol.ID]](err)
	return ok
}

// lossOf says for the status why a stream was lost, or why there is none; nil when
// a stream ended without being lost.
func lossOf(end stream.End) error {
	switch {
	case !end.Lost():
		return nil
	case end.Unopened:
		return shown(end.Err)
	}
	text := "its stream was lost"
	if end.Gated {
		text = "it does not list this node as a member of any open ceremony; compare definitions and keys"
	}
	switch end.Reason {
	case report.EndClosed:
		text = "it closed the stream"
	case report.EndTimeout:
		text = "it is silent: no response within the exchange timeout"
	case report.EndProtocol:
		text = "what it sent is not the protocol"
	}
	return &shownError{text: text, err: end.Err}
}
