package syncmod

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// Phase says how far a ceremony has come.
type Phase int

// The phases, in order. A ceremony ends in Complete or Failed.
const (
	Connecting Phase = iota // until step 1 is announced
	Running                 // from step 1
	Completing              // from the announcement of the last barrier
	Complete                // from the end of the goodbyes, even if some are missing
	Failed                  // from the first failure
)

var _ = [1]struct{}{}[int(Failed)-int(roster.Failed)] // the phases are those of the roster

// String returns the phase as a word: connecting, running, completing, complete or failed.
func (p Phase) String() string {
	names := [...]string{"connecting", "running", "completing", "complete", "failed"}
	if p < 0 || int(p) >= len(names) {
		return fmt.Sprintf("phase %d", int(p))
	}
	return names[p]
}

// MarshalText returns the phase as String does.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Status describes a ceremony as this node sees it at one moment. Its JSON is meant for
// people to read.
type Status struct {
	Phase    Phase        // how far the ceremony has come
	Step     int64        // the last step that this node has announced
	StepName string       // the name of the step, if the ceremony runs with named steps
	Since    time.Time    // when the phase or step last changed
	At       time.Time    // the moment that the status describes
	Peers    []PeerStatus // every other member, in operator order
	Err      error        // why the ceremony failed
	Attempt  int          // the number of the attempt of [Service.Run], from 1; always 1 without Service.Run
	Retried  bool         // the ceremony failed, and [Service.Run] begins another attempt
	Steps    []string     // the names of all steps, if the ceremony runs with named steps
	Observes bool         // this ceremony only looks; see [Observe]

	Nickname, Version string // of this node, as it gives them to the others

	// Passed lists the barriers that this node has passed, in order. At least the last 100
	// are kept. Statuses share the list: do not change it.
	Passed []PassedBarrier

	// Broken lists the broken pairs: the pairs of members that have not been connected
	// with each other for three heartbeats, although each of them is connected with
	// somebody else. It relies on what the members say. It has at most 1,024 pairs. Pairs
	// that include this node are listed too.
	Broken []BrokenLink

	barrier roster.Barrier // the barrier that this node waits at; zero: none
	called  []string       // the names of the members, as lists show them
	unsaid  *WaitError     // which members did not say goodbye
}

// BrokenLink is a broken pair: two members that cannot reach each other, or only in one
// direction.
type BrokenLink struct {
	A, B  int       // operator indexes; A is below B
	Since time.Time // when this node learned of it

	aToB, bToA bool // one reaches the other
	disputed   bool // one says that the link is broken, and the other denies it
	own        bool // this node is one of them
}

// MarshalJSON writes a pair with its operator indexes.
func (b BrokenLink) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		A     int       `json:"a"`
		B     int       `json:"b"`
		Since time.Time `json:"since"`
	}{b.A, b.B, b.Since})
}

// Link says how one member sees another.
type Link struct {
	Inbound, Outbound bool // connected, by direction
	Relayed           bool // its stream to the other member runs through a relay
	Done              bool // the other member has said goodbye
}

// MarshalJSON writes a link with lower-case names.
func (l Link) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Inbound  bool `json:"inbound"`
		Outbound bool `json:"outbound"`
		Relayed  bool `json:"relayed"`
		Done     bool `json:"done"`
	}(l))
}

// PeerStatus describes another member as this node sees it.
type PeerStatus struct {
	Index int  // operator index
	Peer  Peer // as in the definition

	Nickname, Version string // as the member gives them; made printable

	// Inbound and Outbound say whether the member is connected: an exchange has succeeded
	// and the stream is alive. In a ceremony that only looks they mean something else: see
	// [Observe].
	Inbound, Outbound bool
	Relayed           bool // this node's stream to the member runs through a relay

	Step int64 // the member's last step that this node has seen; -1: none
	Done bool  // the member has said goodbye

	answered bool // the member has answered this node's goodbye, so the stream to it has ended

	LastSeen   time.Time     // when its last valid request or response arrived
	Since      time.Time     // when it became connected in both directions, or stopped being so
	RTT        time.Duration // the last round trip
	Reconnects int           // how often this node's stream to it had to be opened again
	Attempts   int           // how many times in a row this node has failed to reach it
	LastError  error         // why this node last failed to reach it, or why the last stream ended

	// ClockOffset is how far the member's clock is ahead of this node's, to within a round
	// trip. It is 0 if that is unknown.
	ClockOffset time.Duration

	missing    bool   // this node waits for it
	called     string // its name in lists of the members
	clockWrong bool

	// Waiting says in the member's own words why it does not accept this node yet. It is
	// made printable. It is empty when the member accepts this node.
	Waiting string

	// Fault is the failure that the member would cause by what it says. It is nil if none
	// is known. Only a ceremony that was opened with [Observe] has it: any other
	// ceremony fails instead.
	Fault error

	// View says how the member sees every member, in operator order. It is nil while the
	// member does not say how it sees them. It is the member's claim. The member's entry
	// for itself is empty. Statuses share the slice: do not change it.
	View []Link

	reach string // which other members reach it, when this node does not
}

// name returns the member's name.
func (p PeerStatus) name() string {
	if p.called != "" {
		return p.called
	}
	return displayName(p.Peer)
}

// Describe says in a few words how the member stands, as a [WaitError] does: whether it is
// connected (and if not, why), which step it is at, and when this node last heard from it.
func (p PeerStatus) Describe(now time.Time) string {
	var parts []string
	switch {
	case p.Done:
		parts = append(parts, "has said goodbye")
	case p.Fault != nil:
		parts = append(parts, faultText(p.Fault))
	case p.Waiting != "":
		parts = append(parts, "its node answers, but "+p.Waiting)
	case p.Inbound && p.Outbound && p.Relayed:
		parts = append(parts, "connected through a relay")
	case p.Inbound && p.Outbound:
		parts = append(parts, "connected")
	case p.Inbound && p.answered:
		parts = append(parts, "has answered this node's goodbye, but has not said its own")
	case p.Inbound:
		parts = append(parts, "it reaches this node, but this node has not reached it for "+
			p.sinceText(now)+p.errorText())
	case p.Outbound:
		parts = append(parts, "this node reaches it, but it has not reached this node for "+
			p.sinceText(now)+p.refusalText())
	case p.LastError != nil:
		parts = append(parts, "unreachable for "+p.sinceText(now)+p.errorText())
	case !p.LastSeen.IsZero():
		parts = append(parts, "not connected for "+p.sinceText(now))
	default:
		parts = append(parts, "not heard from yet")
	}
	if p.reach != "" {
		parts = append(parts, p.reach)
	}
	if p.clockWrong {
		parts = append(parts, "its clock is "+aheadText(p.ClockOffset))
	}
	if errors.Is(p.LastError, ErrKeyInUse) {
		parts = append(parts, ErrKeyInUse.Error())
	}
	if p.Step >= 0 {
		parts = append(parts, fmt.Sprintf("at step %d", p.Step))
	}
	if !p.LastSeen.IsZero() {
		parts = append(parts, fmt.Sprintf("heard %s ago", report.Spell(now.Sub(p.LastSeen))))
	}
	return strings.Join(parts, ", ")
}

func (p PeerStatus) sinceText(now time.Time) string {
	if p.Since.IsZero() {
		return "a while"
	}
	return report.Spell(now.Sub(p.Since))
}

// refusalText says why this host refuses the member's streams, if it does.
func (p PeerStatus) refusalText() string {
	if refused, ok := errors.AsType[*refusal](p.LastError); ok {
		return ": " + refused.Error()
	}
	if errors.Is(p.LastError, errNotServing) {
		return ": " + errNotServing.Error()
	}
	return ""
}

func (p PeerStatus) errorText() string {
	if p.LastError == nil {
		return ""
	}
	text := ": " + p.LastError.Error()
	if p.Attempts > 0 {
		text += fmt.Sprintf(", attempt %d", p.Attempts)
	}
	return text
}

// faultText says what is wrong with a member. It follows the member's name.
func faultText(fault error) string {
	if why, ok := errors.AsType[*cause](fault); ok {
		return why.Error()
	}
	return fault.Error()
}

// MarshalJSON writes a status with phases as words and errors as sentences.
func (s Status) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Phase    Phase           `json:"phase"`
		Step     int64           `json:"step"`
		StepName string          `json:"step_name,omitempty"`
		Observes bool            `json:"observes,omitempty"`
		Nickname string          `json:"nickname,omitempty"`
		Version  string          `json:"version,omitempty"`
		Since    time.Time       `json:"since,omitzero"`
		Error    string          `json:"error,omitempty"`
		Attempt  int             `json:"attempt,omitempty"`
		Retried  bool            `json:"retried,omitempty"`
		Steps    []string        `json:"steps,omitempty"`
		Passed   []PassedBarrier `json:"passed,omitempty"`
		Peers    []PeerStatus    `json:"peers"`
		Broken   []BrokenLink    `json:"broken,omitempty"`
	}{
		s.Phase, s.Step, s.StepName, s.Observes, s.Nickname, s.Version, s.Since, errorString(s.Err), s.Attempt,
		s.Retried, s.Steps, s.Passed, append([]PeerStatus{}, s.Peers...), s.Broken,
	})
}

// MarshalJSON writes a member with its durations and errors as text.
func (p PeerStatus) MarshalJSON() ([]byte, error) {
	var rtt string
	if p.RTT > 0 {
		rtt = p.RTT.String()
	}
	var offset string
	if rounded := p.ClockOffset.Round(time.Millisecond); rounded != 0 {
		offset = rounded.String()
	}
	var addrs []string
	for _, a := range p.Peer.Addrs {
		addrs = append(addrs, a.String())
	}
	return json.Marshal(struct {
		Index      int       `json:"index"`
		ID         string    `json:"id"`
		Name       string    `json:"name,omitempty"`
		Addrs      []string  `json:"addrs,omitempty"`
		Nickname   string    `json:"nickname,omitempty"`
		Version    string    `json:"version,omitempty"`
		Inbound    bool      `json:"inbound"`
		Outbound   bool      `json:"outbound"`
		Relayed    bool      `json:"relayed"`
		Step       int64     `json:"step"`
		Done       bool      `json:"done"`
		LastSeen   time.Time `json:"last_seen,omitzero"`
		Since      time.Time `json:"since,omitzero"`
		RTT        string    `json:"rtt,omitempty"`
		Clock      string    `json:"clock_offset,omitempty"`
		Reconnects int       `json:"reconnects"`
		Attempts   int       `json:"attempts,omitempty"`
		LastError  string    `json:"last_error,omitempty"`
		Waiting    string    `json:"waiting,omitempty"`
		Fault      string    `json:"fault,omitempty"`
		View       []Link    `json:"view,omitempty"`
	}{
		p.Index, p.Peer.ID.String(), p.Peer.Name, addrs, p.Nickname, p.Version, p.Inbound, p.Outbound, p.Relayed,
		p.Step, p.Done, p.LastSeen, p.Since, rtt, offset, p.Reconnects, p.Attempts, errorString(p.LastError),
		p.Waiting, errorString(p.Fault), p.View,
	})
}

func errorString(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
