package reason

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Whose says whose it is to mend something.
type Whose string

// Those who can mend something.
const (
	Here    Whose = "this node"
	There   Whose = "the member"
	Either  Whose = "this node or the member"
	Relay   Whose = "the relay"
	Network Whose = "the network between them"
	Nobody  Whose = "nobody: it passes by itself"
)

// Row is one reason.
type Row struct {
	// Text is the sentence that is shown. An ellipsis stands for what differs.
	Text  string
	Whose Whose
	// explains returns whether this is the reason for an error, and what the ellipsis
	// stands for.
	explains func(members, error) (detail string, ok bool)
}

// Table returns every reason that can be shown.
func Table() (all []Row) {
	for _, row := range slices.Concat(dials, addresses, relays, openings, losses) {
		if !slices.ContainsFunc(all, func(other Row) bool { return other.Text == row.Text }) {
			all = append(all, row)
		}
	}
	return all
}

// Members names a member by its peer ID, as in "operator 2 (carol)". It returns
// nothing for a stranger.
type Members func(peer.ID) string

type members = Members

// Error is a reason, with the error that it explains.
type Error struct {
	Row  *Row
	text string
	err  error
}

func (e *Error) Error() string { return e.text }

// Unwrap returns the error that is explained.
func (e *Error) Unwrap() error { return e.err }

// explain finds the reason for an error in some rows, of which the last one explains
// everything.
func explain(rows []Row, m members, err error) *Error {
	for i := range rows {
		if detail, ok := rows[i].explains(m, err); ok {
			return &Error{Row: &rows[i], text: strings.Replace(rows[i].Text, "…", detail, 1), err: err}
		}
	}
	panic("unreachable: the last row explains everything")
}

// Unopened says why no stream could be opened to a member.
func Unopened(m Members, err error) *Error {
	if isDial(err) {
		return explain(dials, m, err)
	}
	return explain(openings, m, err)
}

// Lost says why a stream was lost. The error may be nil where nothing is known.
func Lost(m Members, err error) *Error { return explain(losses, m, err) }

// Refused says why a stream of a member was refused: the error is this node's own.
func Refused(m Members, err error) *Error { return explain(openings, m, err) }

// IsOurs reports whether an error is a reason that this node alone can mend. Of a dial
// it is where that holds for every address.
func IsOurs(err error) bool {
	why, ok := errors.AsType[*Error](err)
	if !ok || why.Row.Whose == Here {
		return ok
	}
	dial, ok := errors.AsType[*Dial](why.err)
	return ok && len(dial.causes) > 0 && len(dial.unanswered()) == 0 &&
		!slices.ContainsFunc(dial.causes, func(c cause) bool {
			return explain(addresses, func(peer.ID) string { return "" }, c.err).Row.Whose != Here
		})
}

// plain is a row without details.
func plain(matches func(error) bool) func(members, error) (string, bool) {
	return func(_ members, err error) (string, bool) { return "", matches(err) }
}

// otherwise explains every error, by its own text.
func otherwise(_ members, err error) (string, bool) { return brief(err), true }

// contains matches errors by what libp2p writes where it wraps nothing.
func contains(texts ...string) func(error) bool {
	return func(err error) bool {
		own := ownWords(err)
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(own, text) })
	}
}

// ownWords is the text of an error without what the other host has written: QUIC quotes
// that behind the code of an error, and the code alone chooses a sentence.
func ownWords(err error) string {
	const quoting = "(remote)"
	before, _, quotes := strings.Cut(err.Error(), quoting)
	if quotes {
		return before + quoting
	}
	return before
}

var (
	peerIDs  = regexp.MustCompile(`\b(12D3KooW|16Uiu2HA|Qm)[1-9A-HJ-NP-Za-km-z]{30,}`)
	wrapping = regexp.MustCompile(`^(failed to dial: |opening a stream: |failed to open stream: |writing: |` +
		`read frame (header|payload): |failed to negotiate (protocol|security protocol|stream multiplexer): )+`)
)

// The bounds of what is said, in bytes and in number.
const (
	longestCause   = 200
	longestAddress = 160
	mostCauses     = 6
	mostAddresses  = 3 // that failed for the same cause
)

// brief is the text of an error that has no row, in one line: without the steps that
// led to it, and with peer IDs and, as the last resort, itself shortened in the middle.
func brief(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	text = wrapping.ReplaceAllString(text, "")
	return shorten(withoutPeerIDs(text), longestCause)
}

// withoutPeerIDs shortens peer IDs in the middle: both ends are enough to find one in
// a definition.
func withoutPeerIDs(text string) string {
	return peerIDs.ReplaceAllStringFunc(text, func(id string) string { return id[:8] + "…" + id[len(id)-6:] })
}

// shorten cuts a text in the middle: what matters stands at its ends.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "…"
	half := (most - len(mark)) / 2
	return strings.ToValidUTF8(text[:half], "") + mark + strings.ToValidUTF8(text[len(text)-half:], "")
}
