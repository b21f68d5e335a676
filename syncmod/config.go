package syncmod

import (
	"fmt"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

const (
	maxNickname   = 32
	minFrameLimit = 1 << 10
	maxFrameLimit = 32 << 20
)

// Config says how a node takes part in ceremonies. The zero value of a field means its
// default; [DefaultConfig] returns the defaults.
type Config struct {
	// Version is this node's version on the wire: vMAJOR.MINOR, with an optional .PATCH
	// and an optional -LABEL. Nodes with different majors or minors refuse each other.
	// Default v1.0. In a Charon cluster it must be Charon's, for example v1.11.
	Version string
	// Nickname is this node's name for people to read: at most 32 printable characters.
	// Default none.
	Nickname string
	// Heartbeat is how often an idle stream says that it is alive. Heartbeats measure the
	// round-trip time and reveal dead peers. Default 1s; at most half of ExchangeTimeout.
	Heartbeat time.Duration
	// ExchangeTimeout is how long a request may stay without a response before its stream
	// is given up, and how long a write may take. Default 10s. It must be at least twice
	// Heartbeat. Here and in the durations below, more than ten years counts as ten
	// years.
	ExchangeTimeout time.Duration
	// PeerTimeout is how long a member may be gone in a running ceremony. After that, the
	// ceremony fails for everyone. Once the member's stream is lost, the time counts from
	// its last message. Keep it several heartbeats long, or a stream that breaks for a
	// moment is fatal. Also keep it above 10s, because libp2p pauses for 5s or more after
	// a failed dial. Negative: no limit. Default 1m.
	PeerTimeout time.Duration
	// OpenGrace is how long a member may ask for a definition that is not open here
	// before that counts as a mismatch. A member that runs this package is never
	// refused for it. It is told to wait, and the mismatch is logged after OpenGrace. A
	// foreign member (Charon, Pluto) does not say which definition it means. Its stream
	// is held. After OpenGrace, the stream goes to the first open ceremony that has
	// failed, or that is still connecting and has no stream from this member: the
	// member may mean that one. If that ceremony has failed, it tells the member why.
	// If it is still connecting, it fails. Default 10s.
	OpenGrace time.Duration
	// GoodbyeTimeout limits the time for the goodbyes after the last barrier, within the
	// context of Complete. Default 2m.
	GoodbyeTimeout time.Duration
	// MaxFrame is the size of the largest frame that is read, in bytes. Default 16 KiB,
	// at least 1 KiB, at most 32 MiB.
	MaxFrame int
	// BackoffMin and BackoffMax are the first and the longest pause after this node has
	// failed to reach a member. Default 100ms and 1s.
	BackoffMin, BackoffMax time.Duration
	// Retry says how often [Service.Run] and [RunAttempts] begin again after a failure,
	// and how long they pause. Default one attempt.
	Retry Retry
	// RegisterEarly registers the protocol's handler when the service is made, not when
	// it starts. It is for a host that listens before the service starts. A member that
	// dials the host before the start waits, as it does for a ceremony that is not open
	// yet. Without RegisterEarly, the member would get the error "protocol not
	// supported". If something else already handles the protocol, [NewService] (or
	// fx.New) fails instead of [Service.Start]. If the service is never started,
	// members wait until the program calls [Service.Stop] or closes the host. fx does
	// not end this wait, because it does not call OnStop for a component that it has
	// not started.
	RegisterEarly bool
	// ShutdownOnFailure asks the fx app to stop with exit code 1 when a ceremony fails.
	// ShutdownOnComplete asks it to stop with exit code 0 when a ceremony completes. Both
	// use fx.Shutdowner, which reaches a program that waits in App.Run, App.Wait or on
	// App.Done. A program that only calls App.Start and App.Stop does not notice, and has
	// to use [OnEnd]. Without fx the two fields do nothing. Closing a ceremony or
	// cancelling Run does not count as a failure: the caller has the error.
	ShutdownOnFailure, ShutdownOnComplete bool
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	def(&c.Version, "v1.0")
	def(&c.Heartbeat, time.Second)
	def(&c.ExchangeTimeout, 10*time.Second)
	def(&c.PeerTimeout, time.Minute)
	def(&c.OpenGrace, 10*time.Second)
	def(&c.GoodbyeTimeout, 2*time.Minute)
	def(&c.MaxFrame, 16<<10)
	def(&c.BackoffMin, 100*time.Millisecond)
	def(&c.BackoffMax, max(time.Second, c.BackoffMin))
	def(&c.Retry.Attempts, 1)
	def(&c.Retry.Pause, time.Second)
	def(&c.Retry.PauseMax, max(30*time.Second, c.Retry.Pause))
	for _, d := range []*time.Duration{
		&c.ExchangeTimeout, &c.PeerTimeout, &c.OpenGrace, &c.GoodbyeTimeout, &c.BackoffMin, &c.BackoffMax,
		&c.Retry.Pause, &c.Retry.PauseMax,
	} {
		*d = min(*d, forEver)
	}
	return c
}

// forEver is the longest duration that still counts as finite. It is short enough that
// sums do not overflow.
const forEver = 10 * 365 * 24 * time.Hour

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate checks a Config. Its error is an [ErrInvalid] that names the field and the
// value.
func (c Config) Validate() error {
	c = c.withDefaults()
	if _, err := roster.ParseVersion(c.Version); err != nil {
		return invalid("Config.Version", "%q is %w", cut(c.Version, 2*maxNickname), err)
	}
	if err := validNickname(c.Nickname); err != nil {
		return err
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"Heartbeat", c.Heartbeat},
		{"ExchangeTimeout", c.ExchangeTimeout},
		{"OpenGrace", c.OpenGrace},
		{"GoodbyeTimeout", c.GoodbyeTimeout},
		{"BackoffMin", c.BackoffMin},
		{"BackoffMax", c.BackoffMax},
		{"Retry.Pause", c.Retry.Pause},
		{"Retry.PauseMax", c.Retry.PauseMax},
	} {
		if d.value < 0 {
			return invalid("Config."+d.field, "%s is negative", d.value)
		}
	}
	if c.Heartbeat > c.ExchangeTimeout/2 {
		return invalid("Config.Heartbeat", "%s is more than half of ExchangeTimeout, which is %s",
			c.Heartbeat, c.ExchangeTimeout)
	}
	if c.BackoffMin > c.BackoffMax {
		return invalid("Config.BackoffMin", "%s is above BackoffMax, which is %s", c.BackoffMin, c.BackoffMax)
	}
	if c.Retry.Pause > c.Retry.PauseMax {
		return invalid("Config.Retry.Pause", "%s is above PauseMax, which is %s", c.Retry.Pause, c.Retry.PauseMax)
	}
	if c.MaxFrame < minFrameLimit || c.MaxFrame > maxFrameLimit {
		return invalid("Config.MaxFrame", "%d bytes: it must be between %d and %d",
			c.MaxFrame, minFrameLimit, maxFrameLimit)
	}
	return nil
}

func validNickname(s string) error {
	if n := len([]rune(s)); n > maxNickname {
		return invalid("Config.Nickname", "%q has %d characters, at most %d are allowed",
			cut(s, 2*maxNickname), n, maxNickname)
	}
	if s != printable(s, len(s)) {
		return invalid("Config.Nickname", "%q has characters that cannot be printed", s)
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %w", ErrInvalid, field, fmt.Errorf(format, args...))
}
