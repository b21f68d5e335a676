package statuspage

import (
	"fmt"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Answers has the answers to the five questions of an operator.
type Answers struct {
	WaitingFor Answer `json:"waiting_for"` // whom this node waits for, and why
	IsItMe     Answer `json:"is_it_me"`    // whether this node is the problem
	Failure    Answer `json:"failure"`     // why the ceremony failed
	Slow       Answer `json:"slow"`        // who was slow
	Close      Answer `json:"close"`       // whether this node can be stopped now
}

// Answer is an answer in a word or two, and again in a sentence or two.
type Answer struct {
	Short string `json:"short"` // a word or two
	Text  string `json:"text"`  // a sentence or two
}

func (v view) answers(all []view) Answers {
	w := v.wait
	if v.status.Observes {
		return v.rehearsalAnswers(w)
	}
	return Answers{
		WaitingFor: v.waitingFor(w), IsItMe: v.isItMe(w), Failure: v.why(all), Slow: v.slow(w),
		Close: v.mayClose(w, all),
	}
}

func (v view) waitingFor(w *syncmod.WaitError) Answer {
	switch {
	case v.status.Phase == syncmod.Failed:
		return Answer{"Nobody", "The ceremony is over."}
	case v.status.Phase == syncmod.Complete && w != nil:
		return Answer{
			list(possessive(v.whoms(w))) + " goodbye",
			fmt.Sprintf("%s %s not said goodbye.", list(v.standings(w)), plural(len(w.Missing), "has", "have")),
		}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Nobody", "The ceremony is complete, and everyone has said goodbye."}
	case w != nil:
		return Answer{capital(v.whom(w)), capital(v.reasons(w)) + "."}
	case v.status.Step == 0:
		return Answer{"This node", "Everyone is connected. This node's program has not begun step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return Answer{"This node", fmt.Sprintf("%s %s finished %s.",
			capital(list(ahead)), plural(len(ahead), "has", "have"), v.step())}
	}
	return Answer{"Nobody", "Everyone is working on " + v.step() + ", and nobody has finished it."}
}

// reasons says why a wait is not over. Of many members it names only the first few.
func (v view) reasons(w *syncmod.WaitError) string {
	const most = 5
	var of []string
	more := 0
	add := func(reason func() string) {
		if len(of) == most {
			more++
			return
		}
		of = append(of, reason())
	}
	for _, b := range v.explaining(w) {
		add(func() string { return v.lasting(b) })
	}
	for _, p := range w.Missing {
		if !v.isApart(p.Index) || !p.Inbound || !p.Outbound {
			add(func() string { return v.names[p.Index] + " (" + v.stands(p, w) + ")" })
		}
	}
	if more > 0 {
		of = append(of, fmt.Sprintf("and %d more, listed below", more))
	}
	return strings.Join(of, ", ")
}

// standings names the members that a wait is for, and says how each stands.
func (v view) standings(w *syncmod.WaitError) (of []string) {
	for _, p := range w.Missing {
		of = append(of, v.names[p.Index]+" ("+v.stands(p, w)+")")
	}
	return of
}

// stands says how a member stands that this node waits for.
func (v view) stands(p syncmod.PeerStatus, w *syncmod.WaitError) string {
	text := v.standing(p)
	if w.Barrier == "step" && p.Inbound && p.Outbound && p.Step > 0 {
		text += ", at work on " + v.stepOf(p.Step)
	}
	return text
}

// possessive returns the names in their possessive form.
func possessive(names []string) (of []string) {
	for _, name := range names {
		of = append(of, name+"'s")
	}
	return of
}

func (v view) why(all []view) Answer {
	if v.status.Err != nil {
		return v.whyItFailed()
	}
	for _, other := range all {
		if other.isLater(v) && other.status.Err != nil {
			return Answer{
				"No",
				fmt.Sprintf("Attempt %d failed: %s.", other.status.Attempt, other.failure()),
			}
		}
	}
	switch w := v.wait; {
	case v.status.Phase == syncmod.Complete:
		return Answer{"No", "The ceremony is complete."}
	case w != nil && len(v.elsewhere(w)) > 0:
		return Answer{"No", fmt.Sprintf("It will begin when %s the same definition as everyone else.",
			list(v.elsewhere(w))+plural(len(v.elsewhere(w)), " opens", " open"))}
	case v.status.Phase == syncmod.Connecting:
		return Answer{"No", "The ceremony has not begun yet."}
	case w != nil:
		return Answer{"No", v.standsStill(w)}
	}
	return Answer{"No", "It is still running."}
}

// standsStill says what must happen before a wait is over, if that is more than work.
func (v view) standsStill(w *syncmod.WaitError) string {
	if links := v.explaining(w); len(links) > 0 {
		b := links[0]
		return fmt.Sprintf("It is stuck until %s and %s can reach each other.", v.names[b.A], v.names[b.B])
	}
	var away []string
	for _, p := range w.Missing {
		if !p.Inbound || !p.Outbound {
			away = append(away, v.names[p.Index])
		}
	}
	if len(away) > 0 {
		return fmt.Sprintf("It is stuck until %s %s connected again.", list(away), plural(len(away), "is", "are"))
	}
	return "It is still running."
}

func (v view) whyItFailed() Answer {
	text := v.named(withoutAdvice(v.status.Err))
	short := v.failure()
	if words, _, ok := v.told(); ok {
		short, _, _ = strings.Cut(short, ": ")
		if text, _, _ = v.quoted(); words != "" {
			teller, _ := v.teller()
			text = v.names[teller] + " reports: " + words
			if len(v.accused()) > 0 {
				short = v.names[teller] + " " + v.blamed(teller)
			}
		}
		text = v.named(text)
	}
	if who, theirs, ours := v.versions(); who != "" {
		text = fmt.Sprintf("%s runs %s, this node runs %s: all members need the same major and minor version",
			who, theirs, ours)
	}
	if ours, differ := v.compared(); len(differ) > 0 {
		text = v.having(ours)
		for _, group := range differ {
			text += "; " + v.having(group)
		}
	}
	if !strings.HasSuffix(text, "…") {
		text += "."
	}
	return Answer{capital(short), capital(text)}
}

// having says what members attest: "this node and bob have ab12…".
func (v view) having(r results) string {
	who := v.called(r.members)
	if r.result == "nothing" {
		return fmt.Sprintf("%s %s no result", list(who), plural(r.count, "has", "have"))
	}
	return fmt.Sprintf("%s %s the result %s", list(who), plural(r.count, "has", "have"), r.result)
}

// withoutAdvice returns the text of an error without the advice to start the ceremony again.
// That advice is wrong for an operator whose node starts again by itself.
func withoutAdvice(err error) string {
	text, _, cut := strings.Cut(err.Error(), "; the ceremony cannot go on")
	if quotes := strings.Count(text, `"`) - strings.Count(text, `\"`); cut && quotes%2 == 1 {
		text += `"`
	}
	return text
}

// tell is the delay from which a member counts as slow.
const tell = 100 * time.Millisecond

// slow answers which member was last to finish the steps, and by how much.
func (v view) slow(w *syncmod.WaitError) Answer {
	counts, total, most := make(map[int]int), make(map[int]time.Duration), make(map[int]syncmod.PassedBarrier)
	steps := 0
	for _, b := range v.status.Passed {
		if b.Arrivals == nil || b.Step <= 1 { // a member that arrives at a step has finished the one before
			continue
		}
		steps++
		if behind := b.Behind(); behind >= tell {
			counts[b.Last]++
			total[b.Last] += behind
			if behind > most[b.Last].Behind() {
				most[b.Last] = b
			}
		}
	}
	slowest := -1
	for i := range v.names {
		if total[i] > 0 && (slowest < 0 || total[i] > total[slowest]) {
			slowest = i
		}
	}
	var said []string
	if slowest >= 0 {
		b := most[slowest]
		at := fmt.Sprintf("step %d%s", b.Step-1, inBrackets(v.nameOf(b.Step-1)))
		often := ""
		if n := counts[slowest]; n > 1 {
			often = fmt.Sprintf(" last at %d of %d steps, and", n, steps)
		}
		said = append(said, fmt.Sprintf("%s was%s %s behind the "+
			"others at %s.", v.who(slowest), often, spell(b.Behind()), at))
	}
	if w != nil && w.Barrier == "step" {
		return v.slowNow(w, slowest, said)
	}
	switch {
	case slowest >= 0:
		return Answer{v.who(slowest), said[0]}
	case steps > 0:
		return Answer{"Nobody", fmt.Sprintf("Everyone finished %s within %s of each other.",
			plural(steps, "the first step", fmt.Sprintf("each of the %d steps", steps)), spell(tell))}
	case v.status.Phase == syncmod.Failed:
		return Answer{"Nobody", "Nobody had finished a step when it failed."}
	case len(v.status.Passed) > 0:
		return Answer{
			"Nobody yet",
			v.who(v.status.Passed[0].Last) + " was the last to connect. Nobody has finished a step yet.",
		}
	}
	return Answer{"Nobody yet", "Nobody has finished a step yet."}
}

// slowNow answers who is slow while this node waits. If the member itself waits because of a
// broken link, the answer is that link.
func (v view) slowNow(w *syncmod.WaitError, slowest int, said []string) Answer {
	if links := v.explaining(w); len(links) > 0 {
		b := links[0]
		return Answer{
			fmt.Sprintf("The link between %s and %s", v.names[b.A], v.names[b.B]),
			strings.Join(append([]string{capital(v.between(b)) + "."}, said...), " "),
		}
	}
	who := v.whom(w)
	if slowest >= 0 {
		who = v.who(slowest)
	}
	now := fmt.Sprintf("This node has waited %s for %s to %s.", spell(v.now.Sub(w.Since)), v.whom(w), v.doing(w.Step-1))
	return Answer{capital(who), strings.Join(append(said, now), " ")}
}

func (v view) whom(w *syncmod.WaitError) string { return list(v.whoms(w)) }

func (v view) whoms(w *syncmod.WaitError) (names []string) {
	for _, p := range w.Missing {
		names = append(names, v.names[p.Index])
	}
	return names
}

// who returns the name of a member, or "This node".
func (v view) who(i int) string {
	if i == v.self {
		return "This node"
	}
	return v.names[i]
}
