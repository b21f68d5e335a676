package statuspage

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// documentVersion is raised when a field of a document changes its meaning or goes. New ones
// may come.
const documentVersion = 1

// maxDrawn is how many members a document says of who reaches whom, and the page draws it: with
// more, the picture would be larger than any screen. The broken pairs are listed all the same.
const maxDrawn = 200

// maxWords is how many members a wait may be for that is given word for word.
const maxWords = 20

// maxListed is how many ceremonies a document lists.
const maxListed = 100

// Document is what status and events say. docs/statuspage.md describes it.
type Document struct {
	Version    int       `json:"version"`
	Now        time.Time `json:"now"`
	Ceremonies []Summary `json:"ceremonies"`
	Ceremony   *Detail   `json:"ceremony,omitempty"`
}

// Summary is one ceremony in the list of all.
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

	At       time.Time       `json:"at"` // of what follows: now, or the end
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

// Waiting is whom the node waits for.
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

// PassedBarrier is a barrier that the node has passed.
type PassedBarrier struct {
	Kind   string    `json:"kind"`
	Step   int64     `json:"step"`
	Name   string    `json:"name,omitempty"`
	Since  time.Time `json:"since"`
	Passed time.Time `json:"passed"`
	Last   int       `json:"last"`
	Behind float64   `json:"behind_ms,omitempty"`
}

// newDocument describes all ceremonies, and one of them in detail.
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
		if culprit, ok := errors.AsType[*syncmod.PeerError](v.status.Err); ok {
			d.Culprit = &culprit.Index
		}
	}
	missing := make(map[int]bool)
	if w := v.status.WaitingFor(); w != nil {
		d.Waiting = &Waiting{Barrier: w.Barrier, Step: w.Step, Since: w.Since, Members: []int{}, Text: w.Error()}
		if len(w.Missing) > maxWords {
			text, _, _ := strings.Cut(w.Error(), ": ")
			d.Waiting.Text = text + ": " + v.reasons(w)
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
		d.Broken = append(d.Broken, BrokenPair{A: b.A, B: b.B, Since: b.Since, Text: v.lasting(b)})
	}
	for _, b := range v.status.Passed {
		d.Passed = append(d.Passed, PassedBarrier{
			Kind: b.Kind, Step: b.Step, Name: b.Name, Since: b.Since, Passed: b.Passed, Last: b.Last,
			Behind: milliseconds(b.Behind()),
		})
	}
	return d
}

// own is this node among the members.
func (v view) own() Member {
	p := v.def.Peers[v.self]
	accused := slices.Contains(v.accused(), v.self)
	m := Member{
		Index: v.self, Name: v.names[v.self], ID: p.ID.String(), Path: pathSelf, Step: v.status.Step,
		Doing: v.doingOf(v.status.Step, v.status.Phase == syncmod.Complete),
		Done:  v.status.Phase == syncmod.Complete, Trouble: accused,
		Links: v.ownLinks(),
	}
	if accused {
		m.State = v.blamed(v.self)
	}
	return m
}

// doingOf says what a member works on, or has finished where it waits for others.
func (v view) doingOf(step int64, done bool) string {
	begun := step < v.status.Step || slices.ContainsFunc(v.status.Passed, func(b syncmod.PassedBarrier) bool {
		return b.Kind == "step" && b.Step == step
	})
	named := func(step int64) string { return strings.TrimSpace(fmt.Sprintf("%d %s", step, v.nameOf(step))) }
	switch n := int64(len(v.status.Steps)); {
	case done:
		return "done"
	case step < 0:
		return "?"
	case step == 0:
		return "not begun"
	case begun && n > 0 && step > n:
		return "all steps done"
	case begun:
		return named(step)
	case step == 1:
		return "ready"
	}
	return named(step-1) + ": done"
}

// blamed says what a member has to do with a failure.
func (v view) blamed(member int) string {
	text := v.failure()
	switch teller, told := v.teller(); {
	case slices.Contains(v.differing(), member):
		return "its result differs"
	case slices.Contains(v.accused(), member):
		return v.names[teller] + " gave up because of it"
	case told && len(v.accused()) > 0:
		return "gave up because of " + list(v.called(v.accused()))
	}
	if rest, ok := strings.CutPrefix(text, v.names[member]+"'s "); ok {
		return "its " + rest
	}
	return strings.TrimPrefix(text, v.names[member]+" ")
}

func (v view) member(p syncmod.PeerStatus) Member {
	m := Member{
		Index: p.Index, Name: v.names[p.Index], ID: p.Peer.ID.String(), Nickname: p.Nickname, Version: p.Version,
		Path: pathOf(p), Step: p.Step, Doing: v.doingOf(p.Step, p.Done), Done: p.Done, LastSeen: p.LastSeen, Since: p.Since,
		RTT:        milliseconds(p.RTT),
		Reconnects: p.Reconnects, Attempts: p.Attempts, State: v.standing(p), Trouble: v.isTroubled(p),
		Links: v.linksOf(p),
	}
	if !p.LastSeen.IsZero() { // else the offset is that of requests that were refused
		m.Clock = math.Round(milliseconds(p.ClockOffset))
	}
	if m.Path == pathNone || m.Path == pathLeft { // it was so, and says nothing of now
		m.RTT = 0
	}
	if v.isCulprit(p) {
		m.State = v.blamed(p.Index)
		if strings.HasSuffix(v.failure(), "'s node restarted") {
			m.Doing = "restarted"
		}
	}
	for _, a := range p.Peer.Addrs {
		m.Addrs = append(m.Addrs, a.String())
	}
	if p.LastError != nil {
		m.LastError = p.LastError.Error()
	}
	return m
}

// isCulprit reports whether a member has made the ceremony fail, or whoever did says so.
func (v view) isCulprit(p syncmod.PeerStatus) bool {
	if differ := v.differing(); len(differ) > 0 {
		return slices.Contains(differ, p.Index)
	}
	culprit, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	return named && culprit.Index == p.Index || slices.Contains(v.accused(), p.Index)
}

// isTroubled reports whether something is wrong with a member.
func (v view) isTroubled(p syncmod.PeerStatus) bool {
	const clockWrong = 5 * time.Second // as a status has it
	if v.status.Phase == syncmod.Failed {
		return v.isCulprit(p) // that others have left says nothing
	}
	return !p.Done && (!p.Inbound || !p.Outbound) || p.Waiting != "" || errors.Is(p.LastError, syncmod.ErrKeyInUse) ||
		p.ClockOffset.Abs() > clockWrong || p.Fault != nil
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond/100)) / 100
}
