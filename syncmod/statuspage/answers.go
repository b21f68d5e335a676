package statuspage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// answers are those to the five questions of an operator.
type answers struct {
	WaitingFor reply `json:"waiting_for"`
	IsItMe     reply `json:"is_it_me"`
	Failure    reply `json:"failure"`
	Slow       reply `json:"slow"`
	Close      reply `json:"close"`
}

// reply is an answer in a word or two, and in a sentence or two.
type reply struct {
	Short string `json:"short"`
	Text  string `json:"text"`
}

func (v view) answers(all []view) answers {
	w := v.status.WaitingFor()
	return answers{
		WaitingFor: v.waitingFor(w), IsItMe: v.isItMe(w), Failure: v.why(all), Slow: v.slow(w), Close: v.mayClose(w, all),
	}
}

func (v view) waitingFor(w *syncmod.WaitError) reply {
	switch {
	case v.status.Phase == syncmod.Failed:
		return reply{"Nobody", "The ceremony is over."}
	case v.status.Phase == syncmod.Complete && w != nil:
		return reply{"Nobody any more", "The ceremony is complete at this node. It was " + w.Error() + "."}
	case v.status.Phase == syncmod.Complete:
		return reply{"Nobody", "The ceremony is complete, and everyone has said goodbye."}
	case w != nil:
		var names []string
		for _, p := range w.Missing {
			names = append(names, v.names[p.Index])
		}
		return reply{capital(list(names)), capital(w.Error()) + "."}
	case v.status.Step == 0:
		return reply{"This node", "All are connected. Its program has not begun step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return reply{"This node", fmt.Sprintf("%s %s finished %s.",
			capital(list(ahead)), plural(len(ahead), "has", "have"), v.step())}
	}
	return reply{"Nobody", "All work on " + v.step() + ", and none has finished it."}
}

// isItMe answers whether it is this node that has to do something.
func (v view) isItMe(w *syncmod.WaitError) reply {
	switch {
	case v.status.Phase == syncmod.Failed:
		return v.wasItMe()
	case v.status.Phase == syncmod.Complete:
		return reply{"No", "This node has nothing left to do."}
	case w != nil:
		return v.isItMyNetwork(w)
	case v.status.Step == 0:
		return reply{"Yes", "This node's program has to begin step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return reply{"Yes", fmt.Sprintf("%s %s for this node to finish %s.",
			capital(list(ahead)), plural(len(ahead), "waits", "wait"), v.step())}
	}
	return reply{"Not yet", "This node has not finished " + v.step() + ", and nobody else has."}
}

func (v view) wasItMe() reply {
	switch who, name := v.blames(); who {
	case ours:
		return reply{"Yes", "Look at this node first: its log has the whole reason."}
	case theirs:
		if name == "" {
			return reply{"No", "It began at another member."}
		}
		return reply{"No", "It began at " + name + ": that node's log has the whole reason."}
	}
	if agreeing := v.agreeing(); len(agreeing) > 0 {
		return reply{"Probably not", "This node agrees with " + list(agreeing) + "."}
	}
	return reply{"Perhaps", "One member differs from the others: compare this node with them."}
}

// agreeing names the members that were connected with this node when the ceremony failed, but
// for the one that made it fail: they run the same version and definition.
func (v view) agreeing() (names []string) {
	culprit, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	for _, p := range v.status.Peers {
		if named && p.Inbound && p.Outbound && p.Index != culprit.Index {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// notOpen is what a member answers that has nothing else open.
const notOpen = "it has not opened this ceremony yet"

// isItMyNetwork answers whether a wait is because of this node.
func (v view) isItMyNetwork(w *syncmod.WaitError) reply {
	alone := true
	for _, p := range v.status.Peers {
		alone = alone && !p.Inbound && !p.Outbound
	}
	for _, p := range w.Missing {
		by, not := v.reaching(p.Index)
		switch {
		case p.Waiting != "" && p.Waiting != notOpen:
			return reply{"Perhaps", fmt.Sprintf("%s's node does not take part with this one: %s.", v.names[p.Index], p.Waiting)}
		case p.Inbound && p.Outbound:
		case len(by) > 0 && len(by) >= not:
			return reply{"Probably", fmt.Sprintf("%s %s %s, and this node does not: look at this node's network.",
				capital(list(by)), plural(len(by), "reaches", "reach"), v.names[p.Index])}
		}
	}
	if alone && w.Barrier == "connected" {
		return reply{"Perhaps", "This node is connected with nobody: the others are not there yet, or its network is broken."}
	}
	return reply{"No", v.turn(w)}
}

// turn says who has to do what before the wait is over.
func (v view) turn(w *syncmod.WaitError) string {
	var apart, closed, away, working []string
	var step int64
	for _, p := range w.Missing {
		name := v.names[p.Index]
		switch {
		case p.Waiting == notOpen:
			closed = append(closed, name)
		case !p.Inbound || !p.Outbound:
			away = append(away, name)
		case v.isApart(p.Index):
			apart = append(apart, name)
		default:
			working, step = append(working, name), p.Step
		}
	}
	var text []string
	if len(closed) > 0 {
		text = append(text, capital(list(closed))+" "+plural(len(closed), "has", "have")+" to start the ceremony there.")
	}
	if len(away) > 0 {
		text = append(text, capital(list(away))+" "+plural(len(away), "has", "have")+" to start the node there, or to mend its network.")
	}
	if len(apart) > 0 {
		text = append(text, capital(list(apart))+" "+plural(len(apart), "has", "have")+" to mend the network between them.")
	}
	switch {
	case len(working) == 0:
	case w.Barrier == "shutdown":
		text = append(text, capital(list(working))+" "+plural(len(working), "has", "have")+" to finish there.")
	case step == 0:
		text = append(text, capital(list(working))+" "+plural(len(working), "has", "have")+" not begun step 1.")
	default:
		text = append(text, fmt.Sprintf("%s still %s on step %d%s.",
			capital(list(working)), plural(len(working), "works", "work"), step, inBrackets(v.nameOf(step))))
	}
	return strings.Join(text, " ")
}

// nameOf is the name of a step, if it is known.
func (v view) nameOf(step int64) string {
	if i := int(step) - 1; i >= 0 && i < len(v.status.Steps) {
		return v.status.Steps[i]
	}
	return ""
}

// reaching names the other members that say they are connected with one, and counts those
// that say they are not.
func (v view) reaching(member int) (by []string, not int) {
	for _, p := range v.status.Peers {
		switch {
		case p.Index == member || p.View == nil:
		case p.View[member].Inbound || p.View[member].Outbound:
			by = append(by, v.names[p.Index])
		default:
			not++
		}
	}
	return by, not
}

func (v view) why(all []view) reply {
	if v.status.Err != nil {
		return reply{capital(v.failure()), capital(v.status.Err.Error()) + "."}
	}
	for _, other := range all {
		if other.isLater(v) && other.status.Err != nil {
			return reply{
				"It has not",
				fmt.Sprintf("Attempt %d did: %v.", other.status.Attempt, other.status.Err),
			}
		}
	}
	if v.status.Phase == syncmod.Complete {
		return reply{"It has not", "It is complete."}
	}
	return reply{"It has not", "It goes on."}
}

// tell is how much later than the others a member has to come to be called slow.
const tell = 50 * time.Millisecond

// slow answers who was last at the barriers, and by how much.
func (v view) slow(w *syncmod.WaitError) reply {
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
		return reply{v.who(slowest), fmt.Sprintf("Last at %d of %d steps, by %s at step %d%s.%s",
			counts[slowest], steps, spell(b.Behind()), b.Step, inBrackets(b.Name), now)}
	case now != "":
		return reply{capital(v.whom(w)), now[1:]}
	case steps > 0:
		return reply{"Nobody", "At every step all came within " + spell(tell) + " of each other."}
	case len(v.status.Passed) > 0:
		return reply{"Nobody yet", v.who(v.status.Passed[0].Last) + " was the last to connect. No step has been passed yet."}
	}
	return reply{"Nobody yet", "No step has been passed yet."}
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
func (v view) mayClose(w *syncmod.WaitError, all []view) reply {
	again := slices.ContainsFunc(all, func(other view) bool { return v.isLater(other) })
	switch {
	case again:
		return reply{"No", "A later attempt of this ceremony has begun: look there."}
	case v.status.Phase == syncmod.Failed && v.status.Retried:
		return reply{"No", "The next attempt begins by itself. Leave this node running."}
	case v.status.Phase == syncmod.Failed:
		if v.status.Step == 0 {
			return reply{"Yes", "Nothing is left to lose. Start again together with the others."}
		}
		return reply{"Yes", "Nothing is left to lose. Shares of this ceremony are of no use: delete them, and start again " +
			"together with the others."}
	case v.status.Phase == syncmod.Complete && w != nil:
		return reply{"Yes", fmt.Sprintf("This node is done. %s may not have finished, and can still say goodbye while "+
			"this node runs: ask before you stop it.", capital(v.whom(w)))}
	case v.status.Phase == syncmod.Complete:
		return reply{"Yes", "Everyone is done."}
	case w != nil && w.Barrier == "shutdown":
		return reply{"Not yet", fmt.Sprintf("The ceremony has succeeded here. %s may not know it yet: wait for the goodbyes.",
			capital(v.whom(w)))}
	case v.status.Phase == syncmod.Connecting:
		return reply{"Better not", "It harms nothing before step 1, but then the others wait for this node until it is back."}
	}
	return reply{"No", "Stopping this node now fails the ceremony for everyone."}
}

// capital makes the first letter of a sentence a capital; a name that begins with a small
// letter keeps it.
func capital(s string) string {
	for _, word := range []string{"waiting for ", "this node", "operator ", "a member ", "the ", "other ", "another ", "nobody"} {
		if len(s) >= len(word) && s[:len(word)] == word {
			return string(s[0]-'a'+'A') + s[1:]
		}
	}
	return s
}

func inBrackets(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// spell writes a duration as a person would say it.
func spell(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
