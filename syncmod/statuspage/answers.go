package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Answers are those to the five questions of an operator.
type Answers struct {
	WaitingFor Answer `json:"waiting_for"`
	IsItMe     Answer `json:"is_it_me"`
	Failure    Answer `json:"failure"`
	Slow       Answer `json:"slow"`
	Close      Answer `json:"close"`
}

// Answer is an answer in a word or two, and in a sentence or two.
type Answer struct {
	Short string `json:"short"`
	Text  string `json:"text"`
}

func (v view) answers(all []view) Answers {
	w := v.status.WaitingFor()
	return Answers{
		WaitingFor: v.waitingFor(w), IsItMe: v.isItMe(w), Failure: v.why(all), Slow: v.slow(w), Close: v.mayClose(w,
			all),
	}
}

func (v view) waitingFor(w *syncmod.WaitError) Answer {
	switch {
	case v.status.Phase == syncmod.Failed:
		return Answer{"Nobody", "The ceremony is over."}
	case v.status.Phase == syncmod.Complete && w != nil:
		return Answer{"Nobody any more", "The ceremony is complete at this node. It was " + w.Error() + "."}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Nobody", "The ceremony is complete, and everyone has said goodbye."}
	case w != nil:
		return Answer{capital(v.whom(w)), capital(v.shortened(w)) + "."}
	case v.status.Step == 0:
		return Answer{"This node", "All are connected. Its program has not begun step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return Answer{"This node", fmt.Sprintf("%s %s finished %s.",
			capital(list(ahead)), plural(len(ahead), "has", "have"), v.step())}
	}
	return Answer{"Nobody", "All work on " + v.step() + ", and none has finished it."}
}

// shortened is what a wait says; of many members only the first ones.
func (v view) shortened(w *syncmod.WaitError) string {
	const enough, shown = 5, 2
	if len(w.Missing) <= enough {
		return w.Error()
	}
	text, _, _ := strings.Cut(w.Error(), ": ")
	var of []string
	for _, b := range v.status.Broken[:min(shown, len(v.status.Broken))] {
		of = append(of, b.Describe(v.names, v.now))
	}
	for _, p := range w.Missing[:shown] {
		of = append(of, v.names[p.Index]+" ("+p.Describe(v.now)+")")
	}
	return fmt.Sprintf("%s: %s, and others, who are listed below", text, strings.Join(of, ", "))
}

func (v view) why(all []view) Answer {
	switch {
	case v.status.Err == nil:
	case v.status.Retried:
		return Answer{capital(v.failure()), capital(withoutAdvice(v.status.Err)) + "."}
	default:
		return Answer{capital(v.failure()), capital(v.status.Err.Error()) + "."}
	}
	for _, other := range all {
		if other.isLater(v) && other.status.Err != nil {
			return Answer{
				"It has not",
				fmt.Sprintf("Attempt %d did: %s.", other.status.Attempt, withoutAdvice(other.status.Err)),
			}
		}
	}
	if v.status.Phase == syncmod.Complete {
		return Answer{"It has not", "It is complete."}
	}
	return Answer{"It has not", "It goes on."}
}

// withoutAdvice is what an error says without the advice to start the ceremony again, which is
// not for somebody whose node does so by itself.
func withoutAdvice(err error) string {
	text, _, cut := strings.Cut(err.Error(), "; the ceremony cannot go on")
	if quotes := strings.Count(text, `"`) - strings.Count(text, `\"`); cut && quotes%2 == 1 {
		text += `"`
	}
	return text
}

// tell is how much later than the others a member has to come to be called slow.
const tell = 50 * time.Millisecond

// slow answers who was last at the barriers, and by how much.
func (v view) slow(w *syncmod.WaitError) Answer {
	counts, total, most := make(map[int]int), make(map[int]time.Duration), make(map[int]syncmod.PassedBarrier)
	steps := 0
	for _, b := range v.status.Passed {
		if b.Arrivals == nil {
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
	now := ""
	if w != nil && w.Barrier == "step" {
		now = fmt.Sprintf(" At this barrier it is %s, for %s.", v.whom(w), spell(v.now.Sub(w.Since)))
	}
	switch {
	case slowest >= 0:
		b := most[slowest]
		return Answer{v.who(slowest), fmt.Sprintf("Last at %d of %d steps, by %s at step %d%s.%s",
			counts[slowest], steps, spell(b.Behind()), b.Step, inBrackets(b.Name), now)}
	case now != "":
		return Answer{capital(v.whom(w)), now[1:]}
	case steps > 0:
		return Answer{"Nobody", "At every step all came within " + spell(tell) + " of each other."}
	case len(v.status.Passed) > 0:
		return Answer{
			"Nobody yet",
			v.who(v.status.Passed[0].Last) + " was the last to connect. No step has been passed yet.",
		}
	}
	return Answer{"Nobody yet", "No step has been passed yet."}
}

func (v view) whom(w *syncmod.WaitError) string {
	var names []string
	for _, p := range w.Missing {
		names = append(names, v.names[p.Index])
	}
	return list(names)
}

// who names a member, or this node.
func (v view) who(i int) string {
	if i == v.self {
		return "This node"
	}
	return v.names[i]
}

// mayClose answers what happens if this node is stopped now.
func (v view) mayClose(w *syncmod.WaitError, all []view) Answer {
	again := slices.ContainsFunc(all, v.isLater)
	switch {
	case again:
		return Answer{"No", "A later attempt of this ceremony has begun: look there."}
	case v.status.Phase == syncmod.Failed && v.status.Retried:
		return Answer{"No", "The next attempt begins by itself. Leave this node running."}
	case v.status.Phase == syncmod.Failed:
		if v.status.Step == 0 {
			return Answer{"Yes", "Nothing is left to lose. Start again together with the others."}
		}
		return Answer{
			"Yes",
			"Nothing is left to lose. Shares of this ceremony are of no use: delete them, and start again " +
				"together with the others.",
		}
	case v.status.Phase == syncmod.Complete && w != nil:
		return Answer{"Ask first", fmt.Sprintf("This node is done. %s may not have finished, and can still say "+
			"goodbye while this node runs: ask before you stop it.", capital(v.whom(w)))}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Yes", "Everyone is done."}
	case w != nil && w.Barrier == "shutdown":
		return Answer{
			"Not yet",
			fmt.Sprintf("The ceremony has succeeded here. %s may not know it yet: wait for the goodbyes.",
				capital(v.whom(w))),
		}
	case v.status.Phase == syncmod.Connecting:
		return Answer{
			"Better not",
			"It harms nothing before step 1, but then the others wait for this node until it is back.",
		}
	}
	return Answer{"No", "Stopping this node now fails the ceremony for everyone."}
}
