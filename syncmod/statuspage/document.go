package statuspage

import (
	"math"
	"strings"
	"time"
)

// documentVersion increases when a field of a document changes its meaning or is removed. New
// fields may be added without that.
const documentVersion = 1

// maxDrawn is the maximum number of members for which a document says who reaches whom, and for
// which the page draws it. With more members the picture would be larger than any screen. Broken
// pairs are still listed.
const maxDrawn = 200

// maxWords is the maximum number of missing members for which the full text of a wait is given.
const maxWords = 20

// maxListed is the maximum number of ceremonies in the list of a document.
const maxListed = 100

// Document is what the paths "status" and "events" return. docs/statuspage.md describes it.
type Document struct {
	Version    int       `json:"version"`            // the version of the format
	Now        time.Time `json:"now"`                // when the document was made
	Ceremonies []Summary `json:"ceremonies"`         // newest first: the newest 100, and the one in Ceremony
	Ceremony   *Detail   `json:"ceremony,omitempty"` // the ceremony that is shown; nil: there is none
}

// Summary is one ceremony in the list of all ceremonies.
type Summary struct {
	ID         string    `json:"id"`                  // chooses the ceremony in ?ceremony=ID
	Definition string    `json:"definition_hash"`     // the definition hash, in hex
	Open       bool      `json:"open"`                // it is not closed, although it may be over
	Attempt    int       `json:"attempt"`             // the number of the attempt, from 1
	Phase      string    `json:"phase"`               // as in [syncmod.Status]
	Step       int64     `json:"step"`                // the last step that this node has announced
	StepName   string    `json:"step_name,omitempty"` // the name of that step, if it has one
	Since      time.Time `json:"since"`               // when the phase or step last changed
	Kind       Kind      `json:"kind"`                // the kind of the headline
	Headline   string    `json:"headline"`            // the state of the ceremony in one line
}

// Detail describes the ceremony that the page shows.
type Detail struct {
	Summary // the same as in the list of all ceremonies

	At       time.Time       `json:"at"`                 // the time of the data: now, or the end of the ceremony
	Self     int             `json:"self"`               // this node's operator index
	Retried  bool            `json:"retried,omitempty"`  // the attempt has failed, and another one follows
	Steps    []string        `json:"steps,omitempty"`    // the names of all steps, if they are known
	Error    string          `json:"error,omitempty"`    // why the ceremony failed
	Culprit  *int            `json:"culprit,omitempty"`  // operator index of the culprit; nil: unknown, or nobody
	Waiting  *Waiting        `json:"waiting,omitempty"`  // whom this node waits for; nil: nobody
	Answers  Answers         `json:"answers"`            // the answers to the five questions
	Members  []Member        `json:"members"`            // every member, in operator order
	Broken   []BrokenPair    `json:"broken,omitempty"`   // the pairs of members that cannot reach each other
	Phases   []Phase         `json:"phases"`             // the parts of the ceremony, in order; none in a rehearsal
	Passed   []PassedBarrier `json:"passed,omitempty"`   // the barriers that this node has passed, in order
	Receipt  bool            `json:"receipt,omitempty"`  // there is a receipt
	Attested string          `json:"attested,omitempty"` // the result that the members attest, in hex
}

// Waiting says whom the node waits for.
type Waiting struct {
	Barrier string    `json:"barrier"`        // connected, step, or shutdown (the goodbyes)
	Step    int64     `json:"step"`           // the step of the barrier
	Since   time.Time `json:"since,omitzero"` // when the wait began; zero: unknown
	Members []int     `json:"members"`        // operator indexes of the missing members
	Text    string    `json:"text"`           // the text of the [syncmod.WaitError], or a shorter one for many members
}

// Member is a member of the ceremony, this node included.
type Member struct {
	Index      int       `json:"index"`                // operator index
	Name       string    `json:"name"`                 // as errors and logs show it
	ID         string    `json:"id"`                   // peer ID
	Addrs      []string  `json:"addrs,omitempty"`      // addresses in the definition
	Nickname   string    `json:"nickname,omitempty"`   // as the member gives it
	Version    string    `json:"version,omitempty"`    // as the member gives it
	Path       string    `json:"path"`                 // how this node is connected to it: direct, relay, none, …
	Step       int64     `json:"step"`                 // the last step that this node has seen; -1: none
	Doing      string    `json:"doing"`                // what it is doing, in words; "?" if that is unknown
	Done       bool      `json:"done,omitempty"`       // it has said goodbye
	LastSeen   time.Time `json:"last_seen,omitzero"`   // when its last valid message arrived
	Since      time.Time `json:"since,omitzero"`       // when it became connected in both directions, or lost that
	RTT        float64   `json:"rtt_ms,omitempty"`     // the last round trip, in milliseconds
	Clock      float64   `json:"clock_ms,omitempty"`   // how far its clock is ahead of this node's, in milliseconds
	Reconnects int       `json:"reconnects,omitempty"` // how often this node's stream to it was opened again
	Attempts   int       `json:"attempts,omitempty"`   // how many times in a row this node has failed to reach it
	LastError  string    `json:"last_error,omitempty"` // why this node failed to reach it, or why the last stream ended
	Waiting    bool      `json:"waiting,omitempty"`    // this node waits for it
	State      string    `json:"state,omitempty"`      // how it stands, in words; for the culprit, what it did
	Trouble    bool      `json:"trouble,omitempty"`    // something is wrong with it, or it is involved in the failure
	Links      string    `json:"links,omitempty"`      // how it sees each member; see docs/statuspage.md
}

// BrokenPair is two members that cannot reach each other, or only in one direction.
type BrokenPair struct {
	A     int       `json:"a"`     // operator index; below B
	B     int       `json:"b"`     // operator index
	Since time.Time `json:"since"` // when this node learned of it
	Text  string    `json:"text"`  // what is wrong, in a sentence
}

// PassedBarrier is a barrier that the node passed.
type PassedBarrier struct {
	Kind   string    `json:"kind"`                // connected, step (the last barrier too), or shutdown (the goodbyes)
	Step   int64     `json:"step"`                // the step of the barrier, or the step that this node was at
	Name   string    `json:"name,omitempty"`      // the step's name, if it has one
	Since  time.Time `json:"since"`               // when this node's wait began
	Passed time.Time `json:"passed"`              // when the wait ended
	Last   int       `json:"last"`                // operator index of the member that arrived last
	Behind float64   `json:"behind_ms,omitempty"` // how much later than the member before Last, in milliseconds
}

// newDocument returns a document about all ceremonies, with one of them in detail.
func newDocument(views []view, id string, now time.Time) Document {
	d := Document{Version: documentVersion, Now: now, Ceremonies: []Summary{}}
	chosen, ok := choose(views, id)
	if ok {
		d.Ceremony = chosen.detail(views)
	}
	for i, v := range views {
		if i < maxListed || v.id == chosen.id {
			d.Ceremonies = append(d.Ceremonies, v.summary())
		}
	}
	return d
}

func (v view) summary() Summary {
	s := Summary{
		ID: v.id, Definition: hexOf(v.def.Hash), Open: v.open, Attempt: v.status.Attempt,
		Phase: v.status.Phase.String(), Step: v.status.Step, StepName: v.status.StepName, Since: v.status.Since,
	}
	s.Kind, s.Headline = v.headline()
	return s
}

func (v view) detail(all []view) *Detail {
	d := &Detail{
		Summary: v.summary(), At: v.now, Self: v.self, Retried: v.status.Retried, Steps: v.status.Steps,
		Answers: v.answers(all), Phases: v.phases(), Receipt: v.receipt != nil,
	}
	if v.receipt != nil {
		d.Attested = hexOf(v.receipt.Result())
	}
	if v.status.Err != nil {
		d.Error = v.status.Err.Error()
		if culprit, named := v.culprit(); named {
			d.Culprit = &culprit
		}
	}
	missing := make(map[int]bool)
	if w := v.wait; w != nil {
		d.Waiting = &Waiting{Barrier: w.Barrier, Step: w.Step, Since: w.Since, Members: []int{}, Text: w.Error()}
		if len(w.Missing) > maxWords {
			text, _, _ := strings.Cut(w.Error(), ": ")
			d.Waiting.Text = text + ": " + v.sentences(w)
		}
		for _, p := range w.Missing {
			missing[p.Index] = true
			d.Waiting.Members = append(d.Waiting.Members, p.Index)
		}
	}
	others := v.status.Peers
	for i := range v.def.Peers {
		if i == v.self {
			d.Members = append(d.Members, v.own())
			continue
		}
		m := v.member(others[0])
		m.Waiting = missing[i]
		d.Members, others = append(d.Members, m), others[1:]
	}
	for _, b := range v.status.Broken {
		d.Broken = append(d.Broken, BrokenPair{A: b.A, B: b.B, Since: b.Since, Text: v.between(b)})
	}
	for _, b := range v.status.Passed {
		d.Passed = append(d.Passed, PassedBarrier{
			Kind: b.Kind, Step: b.Step, Name: b.Name, Since: b.Since, Passed: b.Passed, Last: b.Last,
			Behind: milliseconds(b.Behind()),
		})
	}
	return d
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond/100)) / 100
}
