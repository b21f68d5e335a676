package refpeer

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// What a peer fails with.
var (
	// ErrVersion: a member runs another version.
	ErrVersion = errors.New("another version")
	// ErrSignature: a member signed another definition, or not at all.
	ErrSignature = errors.New("signature of another definition")
	// ErrStep: a member announced a step that cannot follow.
	ErrStep = errors.New("impossible step")
	// ErrLeftBehind: a member is two steps ahead of the barrier waited for.
	ErrLeftBehind = errors.New("left behind")
	// ErrRejected: a member answered a request with an error.
	ErrRejected = errors.New("rejected")
	// ErrNegotiation: a member did not support the protocol when it was asked.
	ErrNegotiation = errors.New("negotiation failed")
	// ErrClosed: the peer was closed.
	ErrClosed = errors.New("closed")
)

// authenticate is checks 1 and 2: the version, then the signature.
func (p *Peer) authenticate(q request, key crypto.PubKey) error {
	if !compatible(p.opts.Version, q.version) {
		return fmt.Errorf("%w: %q here, %q there", ErrVersion, p.opts.Version, q.version)
	}
	if ok, err := key.Verify(p.def.Hash, q.signature); err != nil || !ok {
		return ErrSignature
	}
	return nil
}

// follow is check 3: the first step is 0 or 1; later ones are not below the last
// one and at most 2 above it. The peer's lock is held.
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

// compatible tells whether major and minor are equal, and the patches, where both
// name one and neither has a label.
func compatible(ours, theirs string) bool {
	a, b := versions.FindStringSubmatch(ours), versions.FindStringSubmatch(theirs)
	if a == nil || b == nil || a[1] != b[1] || a[2] != b[2] {
		return false
	}
	patches := a[3] != "" && b[3] != "" && a[4] == "" && b[4] == ""
	return !patches || a[3] == b[3]
}
