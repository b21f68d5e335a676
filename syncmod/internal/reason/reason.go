package reason

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Whose says who can fix something.
type Whose string

// Those who can fix something.
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
	// Text is the sentence that is shown. An ellipsis stands for the details.
	Text  string
	Whose Whose // who can fix it
	// explains reports whether this row is the reason for an error, and returns the
	// text in place of the ellipsis.
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

// Members returns what to call the member with the given peer ID, as in "operator 2
// (carol)". It returns an empty string for a stranger.
type Members func(peer.ID) string

type members = Members

// Error is the reason for an error.
type Error struct {
	Row  *Row // the row of the table that explains the error
	text string
	err  error
}

// Error returns the reason in words.
func (e *Error) Error() string { return e.text }

// Unwrap returns the error that the reason explains.
func (e *Error) Unwrap() error { return e.err }

// explain returns the reason for an error: the first of the rows that explains it. The
// last row must explain every error.
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

// Lost says why a stream was lost. The error is nil if the cause is unknown.
func Lost(m Members, err error) *Error { return explain(losses, m, err) }

// Refused says why this node refused a stream of a member. The error is this node's
// own.
func Refused(m Members, err error) *Error { return explain(openings, m, err) }

// IsOurs reports whether err is an [Error] that only this node can fix. A dial counts
// if that is true for every address.
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

// plain makes the explains function of a row that has no details.
func plain(matches func(error) bool) func(members, error) (string, bool) {
	return func(_ members, err error) (string, bool) { return "", matches(err) }
}

// otherwise explains any error, with its own text.
func otherwise(_ members, err error) (string, bool) { return brief(err), true }

// contains matches errors by their text, for cases in which libp2p wraps no error.
func contains(texts ...string) func(error) bool {
	return func(err error) bool {
		own := ownWords(err)
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(own, text) })
	}
}

// ownWords returns the text of an error without the words of the other host. QUIC
// quotes these after the code of an error, and only the code may choose a sentence.
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

// The limits on what is shown. Constants named longest… are sizes in bytes, and
// constants named most… are counts.
const (
	longestCause   = 200
	longestAddress = 160
	mostCauses     = 6
	mostAddresses  = 3 // that failed for the same cause
)

// brief returns the text of an error that has no row, in one line. It leaves out the
// steps that led to the error and shortens peer IDs. If that is not enough, it cuts the
// text in the middle.
func brief(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	text = wrapping.ReplaceAllString(text, "")
	return shorten(withoutPeerIDs(text), longestCause)
}

// withoutPeerIDs cuts peer IDs in the middle. Their ends are enough to find them in a
// definition.
func withoutPeerIDs(text string) string {
	return peerIDs.ReplaceAllStringFunc(text, func(id string) string { return id[:8] + "…" + id[len(id)-6:] })
}

// shorten cuts a text in the middle, because what matters is at its ends.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "…"
	half := (most - len(mark)) / 2
	return strings.ToValidUTF8(text[:half], "") + mark + strings.ToValidUTF8(text[len(text)-half:], "")
}
