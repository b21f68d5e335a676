package statuspage

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Answers has the answers to the five questions that the package comment lists.
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
	case w != nil && v.status.Phase == syncmod.Complete:
		text := "This node has stopped waiting for " + list(possessive(v.whoms(w))) + " goodbye. "
		return Answer{"Nobody", text + v.sentences(w)}
	case w != nil && w.Barrier == "shutdown":
		return Answer{list(possessive(v.whoms(w))) + " goodbye", v.sentences(w)}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Nobody", "Everyone has said goodbye."}
	case w != nil:
		return Answer{v.whom(w), v.sentences(w)}
	case v.status.Step == 0:
		return Answer{"This node", "Everyone is connected. This node's program has not begun step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return Answer{"This node", fmt.Sprintf("%s %s finished %s.",
			capital(list(ahead)), plural(len(ahead), "has", "have"), v.step())}
	}
	return Answer{"Nobody", "Everyone is working on " + v.step() + ", and nobody has finished it."}
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
	case v.receipt != nil:
		return Answer{"No", "The members have signed the result " + brief(v.receipt.Result())}
	case w != nil && w.Barrier == "shutdown":
		return Answer{"No", "Everyone has finished all steps, but not everyone has confirmed the end."}
	case v.status.Phase == syncmod.Complete:
		return Answer{"No", "Everyone has finished all steps."}
	case w != nil && len(v.elsewhere(w)) > 0:
		return Answer{"No", fmt.Sprintf("The ceremony will begin when %s the same definition as everyone else.",
			list(v.elsewhere(w))+plural(len(v.elsewhere(w)), " uses", " use"))}
	case v.status.Phase == syncmod.Connecting:
		return Answer{"No", "The ceremony has not begun yet."}
	case w != nil:
		return Answer{"No", v.standsStill(w)}
	}
	return Answer{"No", "It is still running."}
}

// standsStill says what must happen before a wait is over. If members only have to finish their
// work, it says that the ceremony is still running.
func (v view) standsStill(w *syncmod.WaitError) string {
	if links := v.explaining(w); len(links) > 0 {
		return "It is stuck until " + strings.Replace(v.between(links[0]), "cannot", "can", 1) + "."
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
		text = fmt.Sprintf("%s runs %s, but this node runs %s. All members need the same major and minor version",
			who, theirs, ours)
	}
	if ours, differ := v.compared(); len(differ) > 0 {
		text = v.having(ours)
		for _, group := range differ {
			text += "; " + v.having(group)
		}
	}
	text = backAtStart.ReplaceAllString(text, "'s node was at step $1, and is back at the start")
	if !strings.HasSuffix(text, "…") {
		text += "."
	}
	return Answer{"Yes: " + short, capital(text)}
}

// backAtStart matches how a member reports that another one restarted. Operators know no
// step 0.
var backAtStart = regexp.MustCompile(` restarted: its step went from (\d+) to 0\b`)

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

// slow returns the answer to the question who was slow: which member was last to finish steps,
// and by how much.
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
	if w != nil && w.Barrier != "shutdown" {
		return v.slowNow(w, slowest, said)
	}
	switch {
	case slowest >= 0:
		return Answer{v.who(slowest), said[0]}
	case steps > 0:
		return Answer{"Nobody", fmt.Sprintf("No member held up a step by %s or more.", spell(tell))}
	case v.status.Phase == syncmod.Failed:
		return Answer{"Nobody", "The ceremony failed before anyone had finished a step."}
	case len(v.status.Passed) > 0:
		return Answer{
			"Nobody yet",
			v.who(v.status.Passed[0].Last) + " was the last to connect. Nobody has finished a step yet.",
		}
	}
	return Answer{"Nobody yet", "Nobody has finished a step yet."}
}

// slowNow answers who is slow while this node waits. If a broken link between other members
// explains a wait at the barrier of a step, nobody counts as slow because of that wait.
func (v view) slowNow(w *syncmod.WaitError, slowest int, said []string) Answer {
	who, to := v.whom(w), "connect"
	if w.Barrier == "step" {
		to = v.doing(w.Step - 1)
	}
	now := fmt.Sprintf("%s %s yet to %s.", who, plural(len(w.Missing), "has", "have"), to)
	if links := v.explaining(w); len(links) > 0 && w.Barrier == "step" {
		b := links[0]
		who, now = "Nobody", fmt.Sprintf("The link between %s and %s is broken.", v.names[b.A], v.names[b.B])
	}
	if slowest >= 0 {
		who = v.who(slowest)
	}
	return Answer{who, strings.Join(append(said, now), " ")}
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
