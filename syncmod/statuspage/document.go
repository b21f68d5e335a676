package statuspage

import (
	"math"
	"strings"
	"time"
)

// documentVersion increases when a field of a document changes its meaning or is removed. New
// fields may be added without that.
const documentVersion = 1

// maxDrawn is the largest number of members for which a document says who reaches whom, and for
// which the page draws it. With more members the picture would be larger than any screen. Broken
// pairs are still listed.
const maxDrawn = 200

// maxWords is the largest number of missing members for which the full text of a wait is given.
const maxWords = 20

// maxListed is how many ceremonies a document lists at most.
const maxListed = 100

// Document is what the paths status and events return. docs/statuspage.md describes it.
type Document struct {
	Version    int       `json:"version"`
	Now        time.Time `json:"now"`
	Ceremonies []Summary `json:"ceremonies"`
	Ceremony   *Detail   `json:"ceremony,omitempty"`
}

// Summary is one ceremony in the list of all ceremonies.
type Summary struct {
	ID         string    `json:"id"`
	Definition string    `json:"definition_hash"`
	Open       bool      `json:"open"`
	Attempt    int       `json:"attempt"`
	Phase      string    `json:"phase"`
	Step       int64     `json:"step"`
	StepName   string    `json:"step_name,omitempty"`
	Since      time.Time `json:"since"`
	Kind       Kind      `json:"kind"`
	Headline   string    `json:"headline"`
}

// Detail is the ceremony that is shown.
type Detail struct {
	Summary

	At       time.Time       `json:"at"` // the time of what follows: now, or the end of the ceremony
	Self     int             `json:"self"`
	Retried  bool            `json:"retried,omitempty"`
	Steps    []string        `json:"steps,omitempty"`
	Error    string          `json:"error,omitempty"`
	Culprit  *int            `json:"culprit,omitempty"`
	Waiting  *Waiting        `json:"waiting,omitempty"`
	Answers  Answers         `json:"answers"`
	Members  []Member        `json:"members"`
	Broken   []BrokenPair    `json:"broken,omitempty"`
	Phases   []Phase         `json:"phases"`
	Passed   []PassedBarrier `json:"passed,omitempty"`
	Receipt  bool            `json:"receipt,omitempty"`
	Attested string          `json:"attested,omitempty"`
}

// Waiting says whom the node waits for.
type Waiting struct {
	Barrier string    `json:"barrier"`
	Step    int64     `json:"step"`
	Since   time.Time `json:"since,omitzero"`
	Members []int     `json:"members"`
	Text    string    `json:"text"`
}

// Member is a member of the ceremony, this node included.
type Member struct {
	Index      int       `json:"index"`
	Name       string    `json:"name"`
	ID         string    `json:"id"`
	Addrs      []string  `json:"addrs,omitempty"`
	Nickname   string    `json:"nickname,omitempty"`
	Version    string    `json:"version,omitempty"`
	Path       string    `json:"path"`
	Step       int64     `json:"step"`
	Doing      string    `json:"doing"`
	Done       bool      `json:"done,omitempty"`
	LastSeen   time.Time `json:"last_seen,omitzero"`
	Since      time.Time `json:"since,omitzero"`
	RTT        float64   `json:"rtt_ms,omitempty"`
	Clock      float64   `json:"clock_ms,omitempty"`
	Reconnects int       `json:"reconnects,omitempty"`
	Attempts   int       `json:"attempts,omitempty"`
	LastError  string    `json:"last_error,omitempty"`
	Waiting    bool      `json:"waiting,omitempty"`
	State      string    `json:"state,omitempty"`
	Trouble    bool      `json:"trouble,omitempty"`
	Links      string    `json:"links,omitempty"`
}

// BrokenPair is two members that cannot reach each other.
type BrokenPair struct {
	A     int       `json:"a"`
	B     int       `json:"b"`
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
}

// PassedBarrier is a barrier that the node passed.
type PassedBarrier struct {
	Kind   string    `json:"kind"`
	Step   int64     `json:"step"`
	Name   string    `json:"name,omitempty"`
	Since  time.Time `json:"since"`
	Passed time.Time `json:"passed"`
	Last   int       `json:"last"`
	Behind float64   `json:"behind_ms,omitempty"`
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
