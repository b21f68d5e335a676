package refpeer

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// The errors that make a peer fail.
var (
	// ErrVersion is the failure when a member runs another version.
	ErrVersion = errors.New("another version")
	// ErrSignature is the failure when a member signed another definition, or none.
	ErrSignature = errors.New("signature of another definition")
	// ErrStep is the failure when a member announced a step that cannot follow.
	ErrStep = errors.New("impossible step")
	// ErrLeftBehind is the failure when a member is two steps ahead of the awaited barrier.
	ErrLeftBehind = errors.New("left behind")
	// ErrRejected is the failure when a member answered a request with an error.
	ErrRejected = errors.New("rejected")
	// ErrNegotiation is the failure when a member did not support the protocol.
	ErrNegotiation = errors.New("negotiation failed")
	// ErrClosed is the failure when the peer was closed.
	ErrClosed = errors.New("closed")
)

// authenticate makes checks 1 and 2 of a request: the version, then the signature.
func (p *Peer) authenticate(q request, key crypto.PubKey) error {
	if !compatible(p.opts.Version, q.version) {
		return fmt.Errorf("%w: %q here, %q there", ErrVersion, p.opts.Version, q.version)
	}
	if ok, err := key.Verify(p.def.Hash, q.signature); err != nil || !ok {
		return ErrSignature
	}
	return nil
}

// follow makes check 3: the first step must be 0 or 1. A later step must be at least
// the last one, and at most 2 above it. The caller holds the peer's lock.
func (m *member) follow(step int64) error {
	switch {
	case !m.seen && step != 0 && step != 1:
		return fmt.Errorf("%w: %d as the first one", ErrStep, step)
	case m.seen && step < m.step:
		return fmt.Errorf("%w: %d is below the last one, %d", ErrStep, step, m.step)
	case m.seen && step > m.step+2:
		return fmt.Errorf("%w: %d is too far above the last one, %d", ErrStep, step, m.step)
	}
	m.seen, m.step = true, step
	return nil
}

var versions = regexp.MustCompile(`^v(\d+)\.(\d+)(?:\.(\d+))?(?:-(.+))?$`)

// compatible reports whether major and minor versions are equal. Patch versions must be
// equal too if both versions have one and neither has a label.
func compatible(ours, theirs string) bool {
	a, b := versions.FindStringSubmatch(ours), versions.FindStringSubmatch(theirs)
	if a == nil || b == nil || a[1] != b[1] || a[2] != b[2] {
		return false
	}
	patches := a[3] != "" && b[3] != "" && a[4] == "" && b[4] == ""
	return !patches || a[3] == b[3]
}
