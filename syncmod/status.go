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

// Phase is how far a ceremony has come.
type Phase int

// The phases, in order. A ceremony ends in Complete or in Failed.
const (
	Connecting Phase = iota // until step 1 is announced
	Running                 // from step 1
	Completing              // from the announcement of the last barrier
	Complete
	Failed
)

var _ = [1]struct{}{}[int(Failed)-int(roster.Failed)] // the phases are the roster's

// String returns the phase as a word: connecting, running, completing, complete
// or failed.
func (p Phase) String() string {
	names := [...]string{"connecting", "running", "completing", "complete", "failed"}
	if p < 0 || int(p) >= len(names) {
		return fmt.Sprintf("phase %d", int(p))
	}
	return names[p]
}

// MarshalText returns the phase as String does.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Status is a ceremony as this node sees it at one moment. It marshals to JSON
// as a person would want to read it.
type Status struct {
	Phase    Phase
	Step     int64        // the last step that this node has announced
	StepName string       // its name, when the ceremony is run with named steps
	Since    time.Time    // since when phase and step are what they are
	At       time.Time    // the moment at which all this was so
	Peers    []PeerStatus // every other member, in operator order
	Err      error        // why the ceremony has failed
	Attempt  int          // which attempt of [Service.Run] this is, from 1; 1 for every other ceremony
	Retried  bool         // it has failed, and [Service.Run] begins another attempt
	Steps    []string     // the names of all steps, when the ceremony is run with named steps
	Observes bool         // it only looks, see [Observe]

	Nickname, Version string // of this node, as it says them to the others

	// Passed lists the barriers that this node has passed, in their order: at least the
	// last 100 of them. Statuses share it: do not change it.
	Passed []PassedBarrier

	// Broken lists the pairs of members that have not been connected with each other
	// for three heartbeats although each of them is connected with somebody else, as
	// far as the members say: 1,024 pairs at most, this node's own included.
	Broken []BrokenLink

	barrier roster.Barrier // that this node waits at, the zero value if it waits at none
	called  []string       // the members, in a list of them
	unsaid  *WaitError     // who did not say goodbye
}

// BrokenLink is two members that cannot reach each other, or only one way.
type BrokenLink struct {
	A, B  int       // operator indexes, A below B
	Since time.Time // since when this node has known it

	aToB, bToA bool // one of them reaches the other
	disputed   bool // one of them says so, and the other denies it
	own        bool // this node is one of them
}

// MarshalJSON writes a pair by its operator indexes.
func (b BrokenLink) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		A     int       `json:"a"`
		B     int       `json:"b"`
		Since time.Time `json:"since"`
	}{b.A, b.B, b.Since})
}

// Link is how one member sees another.
type Link struct {
	Inbound, Outbound bool // connected, by direction
	Relayed           bool // its stream to the other one runs through a relay
	Done              bool // the other one has said goodbye
}

// MarshalJSON writes a link in lower case.
func (l Link) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Inbound  bool `json:"inbound"`
		Outbound bool `json:"outbound"`
		Relayed  bool `json:"relayed"`
		Done     bool `json:"done"`
	}(l))
}

// PeerStatus is another member as this node sees it.
type PeerStatus struct {
	Index int  // its operator index
	Peer  Peer // as in the definition

	Nickname, Version string // as it says; made printable

	// Connected: an exchange has succeeded and the stream is alive. What it means to a
	// ceremony that only looks, see [Observe].
	Inbound, Outbound bool
	Relayed           bool // our stream to it runs through a relay

	Step int64 // the last step seen from it; -1: none
	Done bool  // it has said goodbye

	answered bool // it has answered our goodbye: our stream to it has ended

	LastSeen   time.Time     // its last valid message, either way
	Since      time.Time     // since when it has been connected both ways, or has not
	RTT        time.Duration // the last round trip
	Reconnects int           // how often our stream to it had to be opened again
	Attempts   int           // attempts to reach it that failed, since the last that succeeded
	LastError  error         // why the last attempt failed or the last stream ended

	// ClockOffset is how far its clock is ahead of this node's, to within a round trip;
	// 0 while nothing is known of it.
	ClockOffset time.Duration

	missing    bool   // this node waits for it
	called     string // among the members
	clockWrong bool

	// Waiting says why the member does not accept this node yet, in its own words;
	// made printable. It is empty when it does.
	Waiting string

	// Fault says why the ceremony would fail by what the member says, nil while nothing is
	// known to. Only a ceremony that [Observe] has opened has it: any other fails.
	Fault error

	// View is how the member sees every member, in operator order; nil while it does not
	// say. It is the member's claim, and its entry for itself is empty. Statuses share it:
	// do not change it.
	View []Link

	reach string // who else reaches it, when this node does not
}

// name names the member.
func (p PeerStatus) name() string {
	if p.called != "" {
		return p.called
	}
	return displayName(p.Peer)
}

// Describe says in a few words how a member stands, as a [WaitError] does: whether it is
// connected, or why not, its step, and when it was last heard.
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
		parts = append(parts, "it reaches this node, but this node has not reached it for "+p.sinceText(now)+p.errorText())
	case p.Outbound:
		parts = append(parts, "this node reaches it, but it has not reached this node for "+p.sinceText(now)+p.refusalText())
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

// faultText is what is wrong with a member, behind its name.
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
