package stream

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/wire"
)

// lastWords is the longest time that a side waits for the other side to end a
// stream on which nothing is left to say.
const lastWords = 500 * time.Millisecond

// End describes how a stream ended, or why there was none.
type End struct {
	Reason   string    // one of the report.End constants
	Err      error     // the cause, if known
	Unopened bool      // no stream could be opened
	Answered bool      // a response that counts came on the stream
	Messages int64     // how many requests were answered on the stream
	At       time.Time // when it ended

	code network.StreamErrorCode // the code that the stream is reset with
}

// finished reports whether nothing is left to say to the member after this stream.
func (e End) finished() bool {
	switch e.Reason {
	case report.EndGoodbye, report.EndAbort, report.EndRefused:
		return true
	}
	return false
}

// Lost reports whether the stream was lost, rather than ended in order.
func (e End) Lost() bool {
	switch e.Reason {
	case report.EndGoodbye, report.EndAbort, report.EndRefused, report.EndMoved, report.EndStopped:
		return false
	}
	return true
}

// notBegun returns the end of a stream that could not begin.
func notBegun(err error) End {
	if errors.Is(err, errAborted) {
		return End{Reason: report.EndStopped}
	}
	return End{Reason: report.EndLost, Err: err}
}

// StuckError is returned when a stream has not ended in time.
type StuckError struct {
	Member  int   // operator index
	Inbound bool  // the member opened the stream
	Err     error // the context's error
}

// Error returns a sentence with the context's error.
func (e *StuckError) Error() string { return "a stream has not ended: " + e.Err.Error() }

// Unwrap returns the context's error.
func (e *StuckError) Unwrap() error { return e.Err }

// classify returns how a stream ended, from the error that ended it. libp2p's errors
// need this order: first what this node did itself; then a clean end, which is io.EOF
// itself, not an error that wraps it; then bad frames and timeouts. Everything else is
// transient.
func classify(ctx context.Context, err error) End {
	var length *wire.LengthError
	var payload *wire.PayloadError
	switch {
	case ctx.Err() != nil:
		return End{Reason: report.EndStopped}
	case err == io.EOF: //nolint:errorlint // a connection that died may wrap io.EOF
		return End{Reason: report.EndClosed}
	case errors.As(err, &length), errors.As(err, &payload):
		return End{Reason: report.EndProtocol, code: network.StreamProtocolViolation, Err: err}
	case isTimeout(err):
		return End{Reason: report.EndTimeout, Err: err}
	}
	return End{Reason: report.EndLost, Err: err}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// reset resets a stream without waiting. On a connection that is stuck, a reset blocks
// like every other write, and only the stream's write deadline ends it.
func reset(stream network.Stream, code network.StreamErrorCode) {
	go func() {
		_ = stream.SetWriteDeadline(longAgo)
		_ = stream.ResetWithError(code)
	}()
}

var longAgo, never = time.Unix(1, 0), time.Unix(1<<40, 0)

// deadline keeps a stream's deadline at least one timeout and at most one and a half
// timeouts away. Each renewal costs a timer, so not every frame renews it.
type deadline struct {
	set     func(time.Time) error
	timeout time.Duration
	at      time.Time
}

// lift removes the deadline for good.
func (d *deadline) lift() {
	d.at = never
	_ = d.set(time.Time{})
}

func (d *deadline) renew(now time.Time) {
	if d.at.Sub(now) >= d.timeout {
		return
	}
	d.at = now.Add(d.timeout + d.timeout/2)
	_ = d.set(d.at) // fails only if the stream is dead, and then its next read or write fails too
}
